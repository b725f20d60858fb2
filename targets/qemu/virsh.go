package qemu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// virsh is a monitor by way of libvirt, which holds the socket: `virsh
// qemu-monitor-command DOMAIN JSON`.
type virsh struct {
	domain string
	pid    int
}

func openVirsh(ctx context.Context, domain string) (*virsh, error) {
	if domain == "" || strings.HasPrefix(domain, "-") {
		return nil, fmt.Errorf("%q is no domain", domain)
	}
	if _, err := exec.LookPath("virsh"); err != nil {
		return nil, errors.New("virsh is not in PATH")
	}
	v := &virsh{domain: domain}
	if err := v.Execute(ctx, "query-status", nil, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", v.Name(), err)
	}
	v.pid = domainPID(domain)
	return v, nil
}

// Execute implements monitor.
func (v *virsh) Execute(ctx context.Context, command string, args any, result any) error {
	b, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	var out, errs limited
	cmd := exec.CommandContext(ctx, "virsh", "qemu-monitor-command", v.domain, string(b))
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w to %s", v.Name(), ErrSilent, command)
		}
		if text := strings.TrimSpace(errs.String()); text != "" {
			return errors.New(strings.TrimPrefix(text, "error: "))
		}
		return fmt.Errorf("virsh: %w", err)
	}
	m, err := parseMessage(bytes.TrimSpace(out.Bytes()))
	if err != nil {
		return err
	}
	return decode(command, m, result)
}

// limited is a buffer for no more than a message may have.
type limited struct{ bytes.Buffer }

func (l *limited) Write(p []byte) (int, error) {
	if l.Len()+len(p) > maxMessage {
		return 0, errNotQMP
	}
	return l.Buffer.Write(p)
}

// Events implements monitor.
func (v *virsh) Events() bool { return false }

// PID implements monitor.
func (v *virsh) PID() int { return v.pid }

// Name implements monitor.
func (v *virsh) Name() string { return "virsh:" + v.domain }

// Close implements monitor.
func (v *virsh) Close() error { return nil }

// domainPID finds the hypervisor of a libvirt domain: by libvirt's own note, else the
// process that was started with `-name guest=DOMAIN,...`; 0 if there is none.
func domainPID(domain string) int {
	if b, err := os.ReadFile(filepath.Join("/run/libvirt/qemu", filepath.Base(domain)+".pid")); err == nil {
		if pid, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && pid > 0 {
			return pid
		}
	}
	lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range lines {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		if parseCommand(b).name == domain {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
			return pid
		}
	}
	return 0
}
