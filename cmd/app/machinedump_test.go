package app_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// memoryDump is a dump by QEMU of a machine with 64 KiB of memory, in which nothing
// runs that is known.
func memoryDump() []byte {
	le := binary.LittleEndian
	const size = 64 << 10
	note := make([]byte, 12+8+440)
	le.PutUint32(note, 5)
	le.PutUint32(note[4:], 440)
	copy(note[12:], "QEMU")
	le.PutUint32(note[20:], 1)
	le.PutUint32(note[24:], 440)
	le.PutUint64(note[28:], 0x1234) // rax
	b := make([]byte, 64+2*56)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], 4)
	le.PutUint16(b[18:], 62)
	le.PutUint64(b[32:], 64)
	le.PutUint16(b[54:], 56)
	le.PutUint16(b[56:], 2)
	segment := func(h []byte, typ uint32, off, size int) {
		le.PutUint32(h, typ)
		le.PutUint64(h[8:], uint64(off))
		le.PutUint64(h[32:], uint64(size))
		le.PutUint64(h[40:], uint64(size))
	}
	segment(b[64:], 4, len(b), len(note))
	segment(b[120:], 1, len(b)+len(note), size)
	memory := make([]byte, size)
	copy(memory[0x1000:], "here it is")
	return append(append(b, note...), memory...)
}

// TestMachineDumps opens dumps of machines by what the command line names.
func TestMachineDumps(t *testing.T) {
	bin := filepath.Join(build(t), "xmdb")
	dir := t.TempDir()
	write := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dump := memoryDump()
	write("dump", dump)
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(dump); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	write("dump.gz", z.Bytes())
	write("dump.gz.cut", z.Bytes()[:z.Len()/2])
	write("cut", dump[:len(dump)-0x8000])
	write("ram", dump[len(dump)-64<<10:])
	write("saved", append([]byte("LibvirtQemudSave"), make([]byte, 4096)...))
	write("diskdump", append([]byte("DISKDUMP"), make([]byte, 4096)...))
	// An ELF file that is no core stands for vmlinux.
	exe, err := os.ReadFile(bin)
	if err != nil {
		t.Fatal(err)
	}
	write("vmlinux", exe[:4096])

	const here = "0x1000:         here it is"
	tests := []struct {
		args string
		out  string // what is read of the memory; "" if it is not opened
		errs string
	}{
		{"dump", here, "no kernel was recognised"},
		{"-k dump", here, "no kernel was recognised"},
		{"vmlinux dump", here, "no kernel was recognised"},
		{"dump vmlinux", here, "no kernel was recognised"},
		{"dump.gz", here, "no kernel was recognised"},
		{"-w dump", here, "dumps are not writable"},
		{"cut", here, "the file ends early: it has 33404 bytes of 66172"},
		{"-g mem:ram", here, "no kernel was recognised"},
		{"-g mem:ram,hole=none", here, "no kernel was recognised"},
		{"-g mem:ram,hole=7", "", "not the address where a hole below 4 GiB begins"},
		{"-g mem:dump", "", "a dump with a format of its own"},
		{"-g mem:nothing", "", "No such file or directory"},
		{"dump dump", "", "only if they are parts of a kdump file that was split"},
		{"saved", "", "--memory-only"},
		{"diskdump", "", "predecessor of kdump"},
		{"vmlinux vmlinux dump", "", "too many operands"},
	}
	for _, tt := range tests {
		cmd := exec.Command(bin, append([]string{"-S", "-e", `0x1000\s`}, strings.Fields(tt.args)...)...)
		var out, errs bytes.Buffer
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &out, &errs
		cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
		err := cmd.Run()
		if (err == nil) != (tt.out != "") || strings.TrimSpace(out.String()) != tt.out || !strings.Contains(errs.String(), tt.errs) {
			t.Errorf("xmdb %s: %v\n%s%s", tt.args, err, out.String(), errs.String())
		}
	}
}
