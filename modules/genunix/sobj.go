package genunix

import (
	"fmt"
)

// sobjTypes are the types of synchronization objects that threads block on, and the
// operations that t_sobj_ops points to.
var sobjTypes = []struct {
	typ  int64
	name string
	ops  string
}{
	{1, "mutex", "mutex_sobj_ops"},
	{2, "rwlock", "rw_sobj_ops"},
	{3, "cv", "cv_sobj_ops"},
	{4, "sema", "sema_sobj_ops"},
	{5, "user", "lwp_sobj_ops"},
	{6, "user_pi", "lwp_sobj_pi_ops"},
	{7, "shuttle", "shuttle_sobj_ops"},
}

// sobjText names the type of what t_sobj_ops points to.
func (v *view) sobjText(ops uint64) string {
	if ops == 0 {
		return "<none>"
	}
	typ, err := v.sobjType(ops)
	if err != nil {
		return "??"
	}
	if typ == 0 {
		return "<none>"
	}
	for _, s := range sobjTypes {
		if s.typ == typ {
			return s.name
		}
	}
	return fmt.Sprintf("<unk:%02x>", uint64(typ))
}

// sobjType is the sobj_type of a sobj_ops_t.
func (v *view) sobjType(ops uint64) (int64, error) {
	t, err := v.member("sobj_ops_t", "sobj_type", ops)
	return int64(int32(t)), err
}
