package linux

import (
	"fmt"
	"iter"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// named tells whether a word that a user typed is a container's: its id or the beginning
// of that, as docker takes it, or its host name.
func (z *container) named(word string) bool {
	return word != "" && (strings.HasPrefix(z.id, word) || z.id != globalZone && z.name == word)
}

// pick finds the one container of a name; an id in full is that container's alone.
func pick(list []*container, word string) (*container, error) {
	var found []string
	var last *container
	for _, z := range list {
		if z.id == word || len(word) > len(z.id) && len(z.id) == shortID && strings.HasPrefix(word, z.id) {
			return z, nil
		}
		if z.named(word) {
			found, last = append(found, z.id), z
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no container %s", word)
	case 1:
		return last, nil
	}
	return nil, fmt.Errorf("%s may be one of the containers %s", word, strings.Join(found, ", "))
}

// shortID is how many digits of an engine's number are shown.
const shortID = 12

// zoneNamed finds a container by what a user typed.
func zoneNamed(v *kernel.View, word string) (*container, error) {
	list, err := containers(v)
	z, perr := pick(list, word)
	if perr != nil && err != nil {
		return nil, fmt.Errorf("%w; not all containers could be read: %w", perr, err)
	}
	return z, perr
}

// zonesNamed writes the rows of the containers that the arguments name.
func zonesNamed(c *core.Ctx, v *kernel.View, list []*container, failed error) error {
	for _, a := range c.Args {
		word := a.Str
		if a.IsImm {
			word = fmt.Sprint(a.Imm)
		}
		z, err := pick(list, word)
		if err != nil {
			c.Warnf("%s", err.Error())
			failed = first(failed, core.ErrFailed)
			continue
		}
		zoneRow(c, v, z)
	}
	return failed
}

// given yields addresses that are known.
func given(list []uint64) iter.Seq2[uint64, error] {
	return func(yield func(uint64, error) bool) {
		for _, a := range list {
			if !yield(a, nil) {
				return
			}
		}
	}
}

// completeZone gives the containers' ids.
func completeZone(s *core.Session, _ []string, word string) (found []core.Candidate) {
	list, _ := containers(kernel.Of(s))
	for _, z := range list {
		if strings.HasPrefix(z.id, word) {
			found = append(found, core.Candidate{Text: z.id, Descr: z.name})
		}
	}
	return found
}
