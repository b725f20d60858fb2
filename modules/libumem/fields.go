package libumem

import "github.com/xmdb/xmdb/core/out"

// auditFields are the fields of an audit record in JSON.
func auditFields(b *audit) []out.Field {
	return []out.Field{
		{Name: "addr", Value: out.Addr(b.at)}, {Name: "bufaddr", Value: out.Addr(b.Addr)}, {Name: "timestamp", Value: out.Hex(uint64(b.Timestamp))},
		{Name: "thread", Value: b.Thread}, {Name: "cache", Value: out.Addr(b.Cache)}, {Name: "lastlog", Value: out.Addr(b.LastLog)},
		{Name: "contents", Value: out.Addr(b.Contents)}, {Name: "stack", Value: addrList(b.stack)},
	}
}

func addrList(l []uint64) out.List {
	o := out.List{}
	for _, a := range l {
		o = append(o, out.Addr(a))
	}
	return o
}
