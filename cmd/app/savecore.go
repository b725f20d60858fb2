package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/xmdb/xmdb/core/store"
	"github.com/xmdb/xmdb/core/system"
	"github.com/xmdb/xmdb/targets/illumosdump"
)

const savecoreUsage = `Usage: xmdb savecore [-f] vmdump.N [DIR]

        -f   write over unix.N and vmcore.N that are there
        DIR  where to write them; this directory if not given
`

// savePlan is what `xmdb savecore` is asked for.
type savePlan struct {
	dump, dir string
	force     bool
}

func parseSavecore(args []string) (*savePlan, error) {
	p := &savePlan{dir: "."}
	var operands []string
	for i, arg := range args {
		switch {
		case arg == "-f":
			p.force = true
			continue
		case arg == "--":
			operands = append(operands, args[i+1:]...)
		case strings.HasPrefix(arg, "-") && arg != "-":
			return nil, fmt.Errorf("illegal option -- %s", strings.TrimLeft(arg, "-"))
		default:
			operands = append(operands, arg)
			continue
		}
		break
	}
	switch len(operands) {
	case 2:
		p.dir = operands[1]
	case 1:
	case 0:
		return nil, errors.New("which vmdump.N?")
	default:
		return nil, errors.New("too many operands")
	}
	p.dump = operands[0]
	return p, nil
}

// runSavecore is `xmdb savecore`.
func runSavecore(args []string) int {
	p, err := parseSavecore(args)
	if err != nil {
		fmt.Fprintf(os.Stderr, "xmdb: %v\n%s", err, savecoreUsage)
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := p.save(ctx); err != nil {
		if errors.Is(err, context.Canceled) {
			err = errors.New("interrupted: nothing was saved")
		}
		fmt.Fprintf(os.Stderr, "xmdb: savecore: %v\n", err)
		return exitFail
	}
	return exitOK
}

func (p *savePlan) save(ctx context.Context) error {
	o := illumosdump.Options{Progress: progress("reading " + p.dump)}
	if s, err := store.Open("", 0); err == nil {
		o.Cache = s
	}
	t, err := illumosdump.Open(ctx, p.dump, o)
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err != nil:
		return openError(p.dump, err)
	}
	defer t.Close()
	n, bounds, err := p.number()
	if err != nil {
		return err
	}
	for _, w := range t.Warnings() {
		fmt.Fprintf(os.Stderr, "xmdb: %s\n", w)
	}
	h := t.DumpHeader()
	if h.Flags&system.DumpComplete == 0 {
		fmt.Fprintln(os.Stderr, "xmdb: warning: incomplete dump on dump device")
	}
	fmt.Printf("System dump time: %s\n", h.CrashTime.Format("Mon Jan _2 15:04:05 2006"))
	saved, err := t.Savecore(ctx, illumosdump.Save{
		Dir: p.dir, N: n, Force: p.force,
		Progress: progress("writing " + filepath.Join(p.dir, fmt.Sprintf("vmcore.%d", n))),
		Log:      func(line string) { fmt.Println(line) },
	})
	if err != nil {
		return err
	}
	if saved.Lost > 0 {
		fmt.Fprintf(os.Stderr, "xmdb: warning: %d pages of the dump could not be saved\n", saved.Lost)
	}
	if bounds != "" {
		return os.WriteFile(bounds, fmt.Appendf(nil, "%d\n", n+1), 0o644)
	}
	return nil
}

var vmdumpName = regexp.MustCompile(`^vmdump\.(\d{1,9})$`)

// number gives N: that of vmdump.N, else that in the file bounds of the directory,
// which is then to be counted up.
func (p *savePlan) number() (n int, bounds string, err error) {
	if st, err := os.Stat(p.dir); err != nil {
		return 0, "", err
	} else if !st.IsDir() {
		return 0, "", fmt.Errorf("%s is not a directory", p.dir)
	}
	if m := vmdumpName.FindStringSubmatch(filepath.Base(p.dump)); m != nil {
		n, err = strconv.Atoi(m[1])
		return n, "", err
	}
	bounds = filepath.Join(p.dir, "bounds")
	if b, err := os.ReadFile(bounds); err == nil {
		n, _ = strconv.Atoi(strings.TrimSpace(string(b))) // one that is no number counts as none
	}
	return max(n, 0), bounds, nil
}
