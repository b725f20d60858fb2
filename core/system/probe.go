package system

import (
	"context"
	"errors"
	"fmt"
)

// Prober recognises one kind of system in a target.
type Prober struct {
	Name string // for messages: "linux process"
	// Probe looks at a target through the abilities it has (see core.Target). It
	// gives nil without an error if the target holds no such system, an error if
	// it does but the system could not be set up, and one that is ErrNoKernel to
	// tell what of a kernel was looked for in a memory and not found.
	Probe func(ctx context.Context, target any) (any, error)
}

// ErrNoKernel is that a memory holds no kernel that is known. An error that wraps it
// says what was not found; it counts only if nothing else is recognised.
var ErrNoKernel = errors.New("no kernel found")

// Probers is the list, the surest first.
func Probers() []Prober {
	return []Prober{
		{"illumos kernel", probeIllumos},
		{"linux kernel", probeLinux},
		{"illumos process", probeIllumosProcess},
		{"linux process", probeProcess},
		{"illumos kernel, by search", probeIllumosMemory},
		{"raw machine", probeRawMachine},
		{"object file", probeImage},
	}
}

// Recognise gives the system that a target holds, nil if none is known. The error
// joins those of probers that failed; a later one may have succeeded all the
// same.
func Recognise(ctx context.Context, target any) (any, error) {
	var errs, absent []error
	for _, p := range Probers() {
		sys, err := p.Probe(ctx, target)
		if raw, ok := sys.(*RawMachine); ok {
			raw.missed = append(append([]error{}, absent...), errs...)
		}
		if sys != nil {
			return sys, errors.Join(errs...)
		}
		switch {
		case errors.Is(err, ErrNoKernel):
			absent = append(absent, fmt.Errorf("%s: %w", p.Name, err))
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
		}
	}
	return nil, errors.Join(append(errs, absent...)...)
}

// probeProcess takes any target that gives what NewProcess needs.
func probeProcess(_ context.Context, target any) (any, error) {
	if src, ok := target.(Source); ok {
		return NewProcess(src), nil
	}
	return nil, nil
}

// probeImage takes an ELF file that is not running.
func probeImage(_ context.Context, target any) (any, error) {
	if src, ok := target.(FileSource); ok {
		return NewImage(src), nil
	}
	return nil, nil
}

// Reconsider looks again at a machine that has run on since a system was found in it: where
// none was, one may have been started meanwhile, and what was found by a search of memory
// may be what a boot before has left there. It asks for little: what the machine tells of
// itself and the tables of its processors. It gives the Linux kernel that these lead to, as
// it is now, though it be the one that is known by a search; nil if they lead to none.
func Reconsider(ctx context.Context, target, known any) any {
	m, ok := machineMemory(target)
	if !ok {
		return nil
	}
	old, linux := known.(*LinuxKernel)
	if _, raw := known.(*RawMachine); !raw && (!linux || old.image.sure) {
		return nil
	}
	f := newLinuxFinder(ctx, m)
	im, err := f.try(f.byNote, f.byProcessor)
	if err != nil {
		return nil
	}
	return f.kernel(im)
}
