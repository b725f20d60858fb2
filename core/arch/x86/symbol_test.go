package x86

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFunction disassembles main of conformance/files/elf/prog, with the
// symbols MDB found for it.
func TestFunction(t *testing.T) {
	code, err := hex.DecodeString("554889e5534883ec18897dec488975e08b05cc14000083c0018905c3140000488b45e0" +
		"488b108b45ec4889d689c7e825ffffff89c3488d05870000004889c7b800000000e857ffffff01c3488b0578000000" +
		"66480f6ec0be02000000488d055f1500004889c7e81bffffff4885c00f95c00fb6c001d8488b5df8c9c3")
	if err != nil {
		t.Fatal(err)
	}
	names := map[uint64]string{
		0x401a80: "prog`hidden", 0x401b60: "prog`n1",
		0x4004f6: "func", 0x40053e: "varargs", 0x400524: "pfunc",
	}
	sym := func(a uint64) (string, bool) {
		s, ok := names[a]
		return s, ok
	}
	want := strings.Split(`pushq  %rbp
movq   %rsp,%rbp
pushq  %rbx
subq   $0x18,%rsp
movl   %edi,-0x14(%rbp)
movq   %rsi,-0x20(%rbp)
movl   +0x14cc(%rip),%eax	<prog`+"`"+`hidden>
addl   $0x1,%eax
movl   %eax,+0x14c3(%rip)	<prog`+"`"+`hidden>
movq   -0x20(%rbp),%rax
movq   (%rax),%rdx
movl   -0x14(%rbp),%eax
movq   %rdx,%rsi
movl   %eax,%edi
call   -0xdb	<func>
movl   %eax,%ebx
leaq   +0x87(%rip),%rax	<0x400661>
movq   %rax,%rdi
movl   $0x0,%eax
call   -0xa9	<varargs>
addl   %eax,%ebx
movq   +0x78(%rip),%rax	<0x400668>
movd   %rax,%xmm0
movl   $0x2,%esi
leaq   +0x155f(%rip),%rax	<prog`+"`"+`n1>
movq   %rax,%rdi
call   -0xe5	<pfunc>
testq  %rax,%rax
setne  %al
movzbl %al,%eax
addl   %ebx,%eax
movq   -0x8(%rbp),%rbx
leave  
ret    `, "\n")
	var got []string
	calls := 0
	for pc := uint64(0x40059e); len(code) > 0; {
		in := Decode(Mode64, code, pc, sym)
		got = append(got, in.Text)
		if in.IsCall {
			calls++
			if !in.HasTarget || names[in.Target] == "" {
				t.Errorf("%x: %s: target %x", pc, in.Text, in.Target)
			}
		}
		code, pc = code[in.Len:], pc+uint64(in.Len)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if calls != 3 {
		t.Errorf("%d calls", calls)
	}
}

// TestImmediateSymbols: an immediate that is a symbol's address is annotated,
// before the unsigned form of a negative one; not in a relocatable object.
func TestImmediateSymbols(t *testing.T) {
	sym := func(a uint64) (string, bool) { return "main", a == 0x40059e || int64(a) == -2 }
	for _, c := range []struct{ code, text, object string }{
		{"bf9e054000", "movl   $0x40059e,%edi\t<main>", "movl   $0x40059e,%edi"},
		{"83c0fe", "addl   $-0x2,%eax\t<main>\t<0xfffffffe>", "addl   $-0x2,%eax\t<0xfffffffe>"},
		{"e8f9ffffff", "call   -0x7\t<main>", "call   -0x7\t<main>"},
		{"eb00", "jmp    +0x0\t<0x4005a2>", "jmp    +0x0\t<0x4005a2>"},
	} {
		b, err := hex.DecodeString(c.code)
		if err != nil {
			t.Fatal(err)
		}
		pc := uint64(0x4005a0)
		if got := Decode(Mode64, b, pc, sym).Text; got != c.text {
			t.Errorf("%s: got %q, want %q", c.code, got, c.text)
		}
		if got := DecodeObject(Mode64, b, pc, sym).Text; got != c.object {
			t.Errorf("%s: in an object file got %q, want %q", c.code, got, c.object)
		}
	}
}

// TestExtensions: text of instructions that MDB does not know.
func TestExtensions(t *testing.T) {
	for _, c := range []struct {
		mode       Mode
		code, text string
	}{
		{Mode64, "f30f1efa", "endbr64 "},
		{Mode64, "f30f1efb", "endbr32 "},
		{Mode64, "c5f877", "vzeroupper "},
		{Mode64, "c5fc77", "vzeroall "},
		{Mode64, "0f01ee", "rdpkru "},
		{Mode64, "0f01ef", "wrpkru "},
		{Mode64, "0f01ca", "clac   "},
		{Mode64, "0f01c1", "vmcall "},
		{Mode64, "0f01d8", "vmrun  "},
		{Mode64, "0f01e8", "serialize "},
		{Mode64, "0f01d5", "xend   "},
		{Mode64, "660f38f6c1", "adcx   %ecx,%eax"},
		{Mode64, "f30f1ec8", "rdsspd %eax"},
		{Mode64, "f3480f1ec8", "rdsspq %rax"},
		{Mode64, "f3480faee9", "incsspq %rcx"},
		{Mode64, "f3480faed1", "wrfsbase %rcx"},
		{Mode64, "3effe0", "notrack jmp *%rax"},
		{Mode64, "2ef30f1efa", "cs endbr64 "},
		{Mode64, "660f19840000000000", "nopw   0x0(%rax,%rax)"},
		{Mode64, "f301c8", "repz addl %ecx,%eax"},
		{Mode64, "0fc2c110", "cmpps  $0x10,%xmm1,%xmm0"},
		{Mode64, "62f17c4858c1", "vaddps %zmm1,%zmm0,%zmm0"},
		{Mode64, "62f17c5858407f", "vaddps 0x1fc(%rax){1to16},%zmm0,%zmm0"},
		{Mode64, "62f17c7858c1", "vaddps {rz-sae},%zmm1,%zmm0,%zmm0"},
		{Mode64, "62a17ccb58c1", "vaddps %zmm17,%zmm0,%zmm16{%k3}{z}"},
		{Mode64, "62f27d49904488ff", "vpgatherdd -0x4(%rax,%zmm1,4),%zmm0{%k1}"},
		{Mode64, "62f37d483ec001", "vpcmpub $0x1,%zmm0,%zmm0,%k0"},
		{Mode64, "c4e27950c1", "vpdpbusd %xmm1,%xmm0,%xmm0"},
		{Mode64, "c4e27b5ec0", "***ERROR--unknown op code***"},
		{Mode64, "c4e26b5ec1", "tdpbssd %tmm2,%tmm1,%tmm0"},
		{Mode64, "8fe97880c1", "vfrczps %xmm1,%xmm0"},
		{Mode64, "8f00", "popq   (%rax)"},
		{Mode64, "0f0fc1b4", "pfmul  %mm1,%mm0"},
		{Mode64, "48c5f858c1", "rex.W vaddps %xmm1,%xmm0,%xmm0"},
		{Mode64, "4866", "rex.W  "},
		{Mode32, "625010", "bound  %edx,0x10(%eax)"},
		{Mode16, "8b4610", "movw   0x10(%bp),%ax"},
		{Mode16, "66b878563412", "movl   $0x12345678,%eax"},
		{Mode16, "6766890424", "movl   %eax,(%esp)"},
		{Mode16, "ea0000ffff", "ljmp   $0xffff,$0x0"},
		{Mode16, "ebfe", "jmp    -0x2\t<0x7c00>"},
	} {
		b, err := hex.DecodeString(c.code)
		if err != nil {
			t.Fatal(err)
		}
		in := Decode(c.mode, b, 0x7c00, nil)
		if in.Text != c.text || in.OK && c.code != "4866" && in.Len != len(b) {
			t.Errorf("%s: got %q, %d bytes, want %q", c.code, in.Text, in.Len, c.text)
		}
	}
}
