package linux

import (
	"fmt"

	"github.com/xmdb/xmdb/modules/kernel"
)

// socketOwners tells by a socket's struct sock which process has it open: of several, that
// which comes first in the list of processes. An error comes beside what was found.
func socketOwners(v *kernel.View) (map[uint64]string, error) {
	owners := map[uint64]string{}
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Ops     kernel.Field `ctf:"f_op"`
		Private kernel.Field `ctf:"private_data"`
	}
	l, err := kernel.Lay[layout](v, "struct file")
	if err != nil {
		return owners, err
	}
	sk, err := v.Member("struct socket", "sk")
	if err != nil {
		return owners, err
	}
	ops, err := address(v, "socket_file_ops")
	if err != nil {
		return owners, err
	}
	var failed error
	for p, err := range processes(v) {
		if err != nil {
			return owners, err
		}
		t, err := readTask(v, p)
		if err != nil {
			failed = first(failed, err)
			continue
		}
		who := fmt.Sprintf("%d/%s", t.tgid(), t.comm())
		for f, err := range openFiles(v, p) {
			if err != nil {
				failed = first(failed, err)
				break
			}
			b, err := v.Bytes(f.addr, l.Size, nil)
			if err != nil || l.Ops.Of(b) != ops {
				continue
			}
			if at, err := v.Pointer(l.Private.Of(b) + sk.Off); err == nil && owners[at] == "" {
				owners[at] = who
			}
		}
	}
	return owners, failed
}
