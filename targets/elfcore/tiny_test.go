package elfcore

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/out"
	"github.com/xmdb/xmdb/core/system"
)

func FuzzNotes(f *testing.F) {
	f.Add([]byte("\x05\x00\x00\x00\x10\x00\x00\x00\x06\x00\x00\x00CORE\x00\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x10\x20\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\x05\x00\x00\x00\x30\x00\x00\x00ELIFCORE\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00/bin/x\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, l := range []*layout{layoutAMD64, layoutARM64, layoutI386} {
			n := notes{layout: l}
			n.parse(b)
			for _, m := range n.files {
				if m.End <= m.Start {
					t.Errorf("%+v", m)
				}
			}
			for _, th := range n.threads {
				th.registers()
				if th.Siginfo != nil {
					th.Siginfo.Addr()
					th.Siginfo.Sender()
				}
			}
		}
	})
}

// FuzzOpen changes headers and notes of a small core that the test makes.
func FuzzOpen(f *testing.F) {
	f.Add(tinyCore())
	f.Fuzz(func(t *testing.T, b []byte) {
		tg, err := openAt("core", bytes.NewReader(b), int64(len(b)), Options{Files: noFiles()})
		if err != nil {
			return
		}
		defer tg.Close()
		exercise(t, tg)
		last := mem.Addr(0)
		for _, m := range tg.Virtual().(*mem.Segments).All() {
			if m.Base < last {
				t.Fatalf("segments overlap at %v", m.Base)
			}
			last = m.Base + mem.Addr(m.Size-1)
		}
	})
}

// noFiles finds nothing on the host.
func noFiles() *system.Files { return system.NewFiles("/nonexistent", "/nonexistent") }

// phdrBytes is the size of an Elf64_Phdr.
const phdrBytes = 56

// tinyCore is a core with a thread, an auxiliary vector, a mapped file and two
// segments, in 4 KB.
func tinyCore() []byte {
	var ns bytes.Buffer
	note := func(typ uint32, desc []byte) {
		binary.Write(&ns, le, []uint32{5, uint32(len(desc)), typ})
		ns.WriteString("CORE\x00\x00\x00\x00")
		ns.Write(desc)
		ns.Write(make([]byte, -len(desc)&3))
	}
	pr := make([]byte, 336)
	le.PutUint16(pr[12:], 11)
	le.PutUint32(pr[layoutAMD64.pid:], 4242)
	le.PutUint64(pr[layoutAMD64.regs+8*layoutAMD64.sp:], 0x7fff00000800)
	le.PutUint64(pr[layoutAMD64.regs+8*16:], 0x401000)
	note(ntPrstatus, pr)
	ps := make([]byte, 136)
	copy(ps[40:], "tiny")
	copy(ps[56:], "tiny one two")
	note(ntPrpsinfo, ps)
	note(ntSiginfo, append([]byte{11, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12}, make([]byte, 110)...))
	aux := func(kv ...uint64) (b []byte) {
		for _, v := range append(kv, 0, 0) {
			b = le.AppendUint64(b, v)
		}
		return b
	}(3, 0x400040, 5, 2, 9, 0x401000, 31, 0x7fff00000f00)
	note(ntAuxv, aux)
	fl := []byte{}
	for _, v := range []uint64{1, 4096, 0x400000, 0x402000, 0} {
		fl = le.AppendUint64(fl, v)
	}
	note(ntFile, append(fl, "/bin/tiny\x00"...))

	b := make([]byte, ehdrSize)
	copy(b, "\x7fELF\x02\x01\x01")
	le.PutUint16(b[16:], uint16(elf.ET_CORE))
	le.PutUint16(b[18:], uint16(elf.EM_X86_64))
	le.PutUint64(b[32:], ehdrSize)
	le.PutUint16(b[54:], phdrBytes)
	le.PutUint16(b[56:], 3)
	ph := func(typ elf.ProgType, flags elf.ProgFlag, off, vaddr, filesz, memsz uint64) {
		b = le.AppendUint32(b, uint32(typ))
		b = le.AppendUint32(b, uint32(flags))
		for _, v := range []uint64{off, vaddr, 0, filesz, memsz, 1} {
			b = le.AppendUint64(b, v)
		}
	}
	data := uint64(ehdrSize + 3*phdrBytes + ns.Len())
	ph(elf.PT_NOTE, 0, ehdrSize+3*phdrBytes, 0, uint64(ns.Len()), 0)
	ph(elf.PT_LOAD, elf.PF_R|elf.PF_X, data, 0x400000, 512, 0x2000)
	ph(elf.PT_LOAD, elf.PF_R|elf.PF_W, data+512, 0x7fff00000000, 0x1000, 0x1000)
	b = append(b, ns.Bytes()...)
	head := make([]byte, 512) // the program's ELF header in memory
	copy(head, "\x7fELF\x02\x01\x01")
	le.PutUint16(head[16:], uint16(elf.ET_EXEC))
	le.PutUint64(head[24:], 0x401000)
	le.PutUint64(head[32:], 0x40)
	le.PutUint16(head[54:], phdrBytes)
	le.PutUint16(head[56:], 2)
	le.PutUint32(head[0x40:], uint32(elf.PT_LOAD))
	le.PutUint32(head[0x44:], 5)
	le.PutUint64(head[0x50:], 0x400000)
	le.PutUint64(head[0x60:], 0x2000)
	le.PutUint64(head[0x68:], 0x2000)
	le.PutUint32(head[0x78:], uint32(elf.PT_DYNAMIC))
	le.PutUint64(head[0x88:], 0x400100)
	le.PutUint64(head[0xa0:], 0x40)
	le.PutUint64(head[0x100:], uint64(elf.DT_DEBUG))
	le.PutUint64(head[0x108:], 0x7fff00000100)
	stack := make([]byte, 0x1000)
	le.PutUint64(stack[0x108:], 0x7fff00000200) // r_map: a list that runs into itself
	le.PutUint64(stack[0x218:], 0x7fff00000200)
	// argc, argv, environment, auxiliary vector.
	at := 0x900
	for _, v := range []uint64{2, 0x7fff00000f20, 0x7fff00000f30, 0, 0x7fff00000f40, 0} {
		le.PutUint64(stack[at:], v)
		at += 8
	}
	copy(stack[at:], aux)
	copy(stack[0xf00:], "/bin/tiny")
	copy(stack[0xf20:], "tiny")
	copy(stack[0xf30:], "one")
	copy(stack[0xf40:], "A=B")
	return append(append(b, head...), stack...)
}

func TestTinyCore(t *testing.T) {
	b := tinyCore()
	tg, err := openAt("core", bytes.NewReader(b), int64(len(b)), Options{Files: noFiles()})
	if err != nil {
		t.Fatal(err)
	}
	defer tg.Close()
	if w := strings.Join(tg.Warnings(), "|"); !strings.Contains(w, "list does not end") {
		t.Errorf("warnings %q", w)
	}
	var buf bytes.Buffer
	p := out.New(&buf, &out.Env{})
	tg.Status(p)
	p.Flush()
	want := "debugging core file of tiny (64-bit) from unknown machine\nfile: /bin/tiny\ninitial argv: tiny one two\n" +
		"threading model: native threads\nstatus: process terminated by SIGSEGV (Segmentation Fault), addr=0x1234\n"
	if buf.String() != want {
		t.Errorf("status:\n%s", buf.String())
	}
	args, err := tg.Args()
	env, err2 := tg.Env()
	if err != nil || err2 != nil || strings.Join(args, " ") != "tiny one" || strings.Join(env, " ") != "A=B" {
		t.Errorf("args %q %v, environment %q %v", args, err, env, err2)
	}
	for _, s := range []mem.Space{tg.Virtual(), tg.ObjectFile()} {
		if _, err := s.(mem.Writer).WriteAt([]byte{1}, 0x400000); err == nil {
			t.Error("a core was written to")
		}
	}
	var x [4]byte
	for a, reason := range map[mem.Addr]error{0x400000: nil, 0x400200: mem.ErrNotDumped, 0x402000: mem.ErrUnmapped} {
		if err := mem.ReadFull(tg.Virtual(), x[:], a); !errors.Is(err, reason) {
			t.Errorf("read at %v: %v, want %v", a, err, reason)
		}
	}
}
