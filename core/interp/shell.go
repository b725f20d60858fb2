package interp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/lang"
	"github.com/xmdb/xmdb/core/out"
)

// shellWidth is the width of a line that goes to a shell command: nothing wraps.
const shellWidth = 1 << 20

// shellCommand makes the process that runs text in the user's shell.
func (in *Interp) shellCommand(ctx context.Context, text string) (*exec.Cmd, error) {
	if in.s.Opts.NoShell {
		return nil, lang.Bare("shell commands are turned off (noshell)")
	}
	if core.Confined(ctx) {
		return nil, lang.Bare("shell commands are %s", core.ErrConfined)
	}
	shell, flag := os.Getenv("SHELL"), "-c"
	switch {
	case shell != "":
	case runtime.GOOS == "windows":
		shell, flag = "cmd.exe", "/c"
	default:
		shell = "/bin/sh"
	}
	path, err := exec.LookPath(shell)
	if err != nil {
		return nil, lang.Bare("cannot access %s: %s", shell, core.Reason(err))
	}
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = []string{filepath.Base(shell), flag, text}
	cmd.Stderr = in.s.Stderr
	cmd.Stdout = in.stdout()
	// Ctrl-C kills the shell; what it started may live on and hold the pipe of
	// its output. It is not waited for.
	cmd.WaitDelay = time.Second
	return cmd, nil
}

// stdout is what the session's own output is written to.
func (in *Interp) stdout() io.Writer {
	w := in.base.SetOutput(nil)
	in.base.SetOutput(w)
	return w
}

// wait gives the error of a shell command that matters: not its exit status.
func (in *Interp) wait(ctx context.Context, cmd *exec.Cmd, err error) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return core.ErrIntr
	case err == nil, errors.As(err, &exit), errors.Is(err, exec.ErrWaitDelay):
		return nil
	}
	return lang.Bare("failed to exec %s: %s", cmd.Path, core.Reason(err))
}

// escape runs a statement that is a shell command.
func (in *Interp) escape(ctx context.Context, sh *lang.Shell) error {
	cmd, err := in.shellCommand(ctx, sh.Text)
	if err != nil {
		return err
	}
	in.s.Out.Flush()
	in.base.Flush()
	cmd.Stdin = in.s.In
	if f, ok := in.s.In.(*os.File); !ok || f == nil {
		cmd.Stdin = nil // a reader would be drained by copying
	}
	var text bytes.Buffer
	if sh.Source {
		cmd.Stdout = &text
	}
	if err := in.wait(ctx, cmd, cmd.Run()); err != nil || !sh.Source {
		return err
	}
	return in.source(ctx, text.Bytes(), sh.Text)
}

// source runs the output of a shell command as debugger commands.
func (in *Interp) source(ctx context.Context, text []byte, name string) error {
	err := in.run(ctx, lang.NewReader(bytes.NewReader(text)), strings.TrimSpace(name), lang.InputFile)
	return ifFatal(err)
}

// withShell runs body with the session's output going to a shell command, if
// there is one.
func (in *Interp) withShell(ctx context.Context, sh *lang.Shell, body func(context.Context) error) error {
	if sh == nil {
		return body(ctx)
	}
	var text bytes.Buffer
	var capture io.Writer
	if sh.Source {
		capture = &text
	}
	err := in.throughShell(ctx, sh.Text, capture, body)
	if err != nil || !sh.Source {
		return err
	}
	return in.source(ctx, text.Bytes(), sh.Text)
}

// throughShell runs body with the session's output as the input of a shell
// command, whose own output goes to capture, or where the session's goes.
func (in *Interp) throughShell(ctx context.Context, text string, capture io.Writer, body func(context.Context) error) error {
	cmd, err := in.shellCommand(ctx, text)
	if err != nil {
		return err
	}
	if capture != nil {
		cmd.Stdout = capture
	}
	saved := in.s.Out
	saved.Flush()
	in.base.Flush()
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return in.wait(ctx, cmd, err)
	}
	p := out.New(stdin, saved.Env())
	p.SetCols(shellWidth)
	in.s.Out = p
	err = body(ctx)
	if err == nil {
		p.EndLine()
		p.Flush()
	}
	in.s.Out = saved
	stdin.Close()
	if werr := in.wait(ctx, cmd, cmd.Wait()); err == nil {
		err = werr
	}
	return err
}

// producer runs a shell command at the head of a pipeline; its output is the
// list of addresses.
func (in *Interp) producer(ctx context.Context, text string) (*core.Pipe, error) {
	cmd, err := in.shellCommand(ctx, text)
	if err != nil {
		return nil, err
	}
	in.s.Out.Flush()
	in.base.Flush()
	var list bytes.Buffer
	cmd.Stdout = &list
	if err := in.wait(ctx, cmd, cmd.Run()); err != nil {
		return nil, err
	}
	return in.parseList(ctx, list.String(), nil)
}

// filterStage runs a stage whose text a shell command turns into the list for
// the next one.
func (in *Interp) filterStage(ctx context.Context, st *stage) error {
	var list bytes.Buffer
	var status error
	err := in.throughShell(ctx, st.shell, &list, func(ctx context.Context) error {
		status = in.invokeAll(ctx, st)
		return ifFatal(status)
	})
	if err != nil || aborted(status) {
		return errors.Join(err, status)
	}
	pipe, err := in.parseList(ctx, list.String(), st.in)
	st.sink.pipe = pipe
	if err != nil {
		return err
	}
	return status
}
