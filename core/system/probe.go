package system

import (
	"context"
	"errors"
)

// Prober recognises one kind of system in a target.
type Prober struct {
	Name string // for messages: "linux process"
	// Probe looks at a target through the abilities it has (see core.Target). It
	// gives nil without an error if the target holds no such system, an error if
	// it does but the system could not be set up.
	Probe func(ctx context.Context, target any) (any, error)
}

// Probers is the list, the surest first.
func Probers() []Prober {
	return []Prober{
		{"illumos kernel", probeIllumos},
		{"illumos process", probeIllumosProcess},
		{"linux process", probeProcess},
		{"object file", probeImage},
	}
}

// Recognise gives the system that a target holds, nil if none is known. The error
// joins those of probers that failed; a later one may have succeeded all the
// same.
func Recognise(ctx context.Context, target any) (any, error) {
	var errs []error
	for _, p := range Probers() {
		sys, err := p.Probe(ctx, target)
		if sys != nil {
			return sys, errors.Join(errs...)
		}
		if err != nil {
			errs = append(errs, errors.New(p.Name+": "+err.Error()))
		}
	}
	return nil, errors.Join(errs...)
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
