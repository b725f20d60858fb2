package core

import "github.com/xmdb/xmdb/core/ctype"

// Pipe is the list of values between two stages of a pipeline: numbers, the one
// type of what they are addresses of if all have the same, and for each walk
// variable in use the value it had with each number.
type Pipe struct {
	Vals  []uint64
	Type  *ctype.Type   // of every value; nil when unknown or mixed
	Types []*ctype.Type // of each value, only when mixed
	Cols  []VarCol
}

// VarCol is a walk variable (the last word of ::walk, ::list, ::array) and its
// value for each element of a Pipe.
type VarCol struct {
	Var  *Var
	Vals []uint64
}

// Add appends a value.
func (p *Pipe) Add(v uint64, t *ctype.Type) {
	switch {
	case p.Types != nil:
		p.Types = append(p.Types, t)
	case len(p.Vals) == 0:
		p.Type = t
	case p.Type != t:
		p.Types = make([]*ctype.Type, len(p.Vals), len(p.Vals)+1)
		for i := range p.Types {
			p.Types[i] = p.Type
		}
		p.Types, p.Type = append(p.Types, t), nil
	}
	p.Vals = append(p.Vals, v)
	for i := range p.Cols {
		p.Cols[i].Vals = append(p.Cols[i].Vals, p.Cols[i].Var.Value())
	}
}

// TypeAt is the type that goes with element i, nil if unknown.
func (p *Pipe) TypeAt(i int) *ctype.Type {
	if p.Types != nil {
		return p.Types[i]
	}
	return p.Type
}

// Select sets the walk variables to their values for element i.
func (p *Pipe) Select(i int) {
	for _, c := range p.Cols {
		if i < len(c.Vals) {
			c.Var.Force(c.Vals[i])
		}
	}
}
