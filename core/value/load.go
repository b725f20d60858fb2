package value

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/mem"
)

// maxLoad is the largest structure that Load reads whole; of larger ones it reads
// the members it needs one by one.
const maxLoad = 64 << 10

// maxLoadText bounds the strings that Load makes, bytes.
const maxLoadText = 4096

// Load fills a Go structure from a target's structure by the names of members, so
// that a module works whatever the layout of the release is. A field says where
// it comes from in a tag:
//
//	Next  uint64 `ctf:"next"`                  a pointer or unsigned integer
//	Pid   int32  `ctf:"p_pidp->pid_id"`        through pointers
//	Name  string `ctf:"comm|name"`             the first that exists
//	Flags uint32 `ctf:"flags,optional"`        stays zero if there is none
//
// Fields without a tag are left alone. An integer may be wider than the target's
// but not narrower, and of the same signedness (a pointer or enum goes into
// either); a string takes a character array, what a char pointer points to, or
// the name of an enum's value; an array as many elements; a structure the same by
// its own tags; a Value the member itself, unread.
//
// The members are looked up once for each type; Load then reads the structure
// with one access where it can. An unread field's error names the member.
func Load(v Value, dst any) error {
	rv := reflect.ValueOf(dst)
	if rv.Kind() != reflect.Pointer || rv.Elem().Kind() != reflect.Struct {
		return fmt.Errorf("load %s: destination %T is no pointer to a structure", v.Type, dst)
	}
	p, err := v.W.plan(v.Type, rv.Elem().Type())
	if err != nil {
		return err
	}
	return p.load(v, rv.Elem())
}

type planKey struct {
	target *ctype.Type
	local  reflect.Type
}

// loadPlan is how one Go type is filled from one target type.
type loadPlan struct {
	near   bool   // some member lies in the structure itself
	lo, hi uint64 // where those do: only that much is read of a large structure
	fields []loadField
}

type loadField struct {
	index int
	name  string
	acc   *Access
	far   bool // behind a pointer
	sub   *loadPlan
}

func (w *World) plan(t *ctype.Type, gt reflect.Type) (*loadPlan, error) {
	key := planKey{t, gt}
	if p, ok := w.plans[key]; ok {
		return p, nil
	}
	p := &loadPlan{}
	for i := range gt.NumField() {
		tag, ok := gt.Field(i).Tag.Lookup("ctf")
		if !ok {
			continue
		}
		f, err := w.planField(t, gt.Field(i), tag)
		if err != nil {
			return nil, err
		}
		if f != nil {
			f.index = i
			if !f.far {
				p.reach(w, f)
			}
			p.fields = append(p.fields, *f)
		}
	}
	if w.plans == nil {
		w.plans = map[planKey]*loadPlan{}
	}
	w.plans[key] = p
	return p, nil
}

// reach extends what is read of the structure to a member that lies in it.
func (p *loadPlan) reach(w *World, f *loadField) {
	var at uint64
	for _, s := range f.acc.Path.Steps {
		at += s.Add
	}
	end := at + max(w.Size(f.acc.Path.Type), uint64(f.acc.Path.Off+f.acc.Path.Bits+7)/8)
	if !p.near {
		p.near, p.lo, p.hi = true, at, end
	}
	p.lo, p.hi = min(p.lo, at), max(p.hi, end)
}

// planField finds the member of a field; nil if an optional one is missing.
func (w *World) planField(t *ctype.Type, gf reflect.StructField, tag string) (*loadField, error) {
	names, opt, _ := strings.Cut(tag, ",")
	var missing error
	for name := range strings.SplitSeq(names, "|") {
		path, err := w.Compile(t, name)
		if err != nil {
			return nil, err
		}
		if path.Err != nil {
			missing = path.Err
			continue
		}
		f := &loadField{name: name, acc: NewAccess(w, path)}
		for _, s := range path.Steps {
			f.far = f.far || s.Ptr != 0
		}
		if err := w.fits(f, path.Type, gf.Type); err != nil {
			return nil, fmt.Errorf("load member %s of %s: %w", name, t, err)
		}
		return f, nil
	}
	if opt == "optional" {
		return nil, nil
	}
	return nil, missing
}

var valueType = reflect.TypeFor[Value]()

// fits checks that a member can be put into a Go type.
func (w *World) fits(f *loadField, t *ctype.Type, gt reflect.Type) error {
	base := w.Resolve(t)
	k := base.Kind()
	bad := fmt.Errorf("type %s does not go into %s", t, gt)
	switch gt.Kind() {
	case reflect.Struct:
		if gt == valueType {
			return nil
		}
		if !k.IsStruct() {
			return bad
		}
		sub, err := w.plan(t, gt)
		f.sub = sub
		return err
	case reflect.String:
		if k != ctype.Array && !k.IsPointer() && k != ctype.Enum {
			return bad
		}
	case reflect.Bool:
		if k != ctype.Integer {
			return bad
		}
	case reflect.Float32, reflect.Float64:
		if k != ctype.Float {
			return bad
		}
	case reflect.Array:
		if k != ctype.Array || base.Count() != uint64(gt.Len()) {
			return bad
		}
		return w.fits(&loadField{}, base.Elem(), gt.Elem())
	default:
		return fitsInteger(base, f, gt, bad)
	}
	return nil
}

func fitsInteger(base *ctype.Type, f *loadField, gt reflect.Type, bad error) error {
	bits := uint32(0)
	if f.acc != nil {
		bits = f.acc.Path.Bits
	}
	e, ok := intEncoding(base, bits)
	z := reflect.Zero(gt)
	switch {
	case !ok || !z.CanInt() && !z.CanUint():
		return bad
	case e.Bits > uint32(gt.Bits()):
		return fmt.Errorf("size of type %s is too large for %s", base, gt)
	case base.Kind() == ctype.Integer && e.Signed != z.CanInt():
		return fmt.Errorf("signedness mismatch between type %s and %s", base, gt)
	}
	return nil
}

func (p *loadPlan) load(v Value, rv reflect.Value) error {
	sp, base := v.space(), uint64(v.Addr)
	near, nearBase := sp, base
	if p.near && p.hi-p.lo <= maxLoad {
		b := make([]byte, p.hi-p.lo)
		// else the members say which of them cannot be read
		if mem.ReadFull(sp, b, mem.Addr(base+p.lo)) == nil {
			near, nearBase = Bytes(b), -p.lo
		}
	}
	for i := range p.fields {
		f := &p.fields[i]
		from, at := sp, base
		if !f.far {
			from, at = near, nearBase
		}
		a, from, err := f.acc.Follow(from, at, nil)
		if err == nil {
			err = f.set(v, rv.Field(f.index), from, a, base-at)
		}
		if err != nil {
			return fmt.Errorf("load member %s of %s at %#x: %w", f.name, v.Type, base, err)
		}
	}
	return nil
}

// set puts the member at an address into a field. bias is what has to be added to
// the address for the place in the target.
func (f *loadField) set(v Value, rv reflect.Value, sp mem.Space, a, bias uint64) error {
	path := f.acc.Path
	m := Value{Type: path.Type, W: v.W, Space: sp, Addr: mem.Addr(a), Off: path.Off, Bits: path.Bits}
	if rv.Type() != valueType && f.sub == nil {
		return m.into(rv)
	}
	m.Addr += mem.Addr(bias) // where it is, not where its copy is
	if m.Space = v.Space; f.far {
		m.Space = nil
	}
	if f.sub != nil {
		return f.sub.load(m, rv)
	}
	rv.Set(reflect.ValueOf(m))
	return nil
}

// into reads the value into a Go variable that it fits.
func (v Value) into(rv reflect.Value) error {
	switch rv.Kind() {
	case reflect.String:
		if v.Base().Kind() == ctype.Enum {
			if _, err := v.Uint(); err != nil {
				return err
			}
			s, _ := v.EnumName()
			rv.SetString(s)
			return nil
		}
		s, err := v.Text(maxLoadText)
		rv.SetString(s)
		return err
	case reflect.Float32, reflect.Float64:
		x, err := v.Float()
		rv.SetFloat(x)
		return err
	case reflect.Array:
		for i := range rv.Len() {
			e, err := v.Index(uint64(i))
			if err != nil {
				return err
			}
			if err := e.into(rv.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
		return Load(v, rv.Addr().Interface())
	}
	n, err := v.Int()
	switch {
	case rv.Kind() == reflect.Bool:
		rv.SetBool(n != 0)
	case rv.CanInt():
		rv.SetInt(n)
	default:
		rv.SetUint(uint64(n))
	}
	return err
}
