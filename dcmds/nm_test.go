package dcmds

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A raw file has no symbols, and an address is not looked for among the private
// ones either. A list that is to be sorted is silently empty. (rawfile_ops of
// mdb_rawfile.c; cmd_nm of mdb_nm.c, where the count of the symbols fails first)
func TestNmRaw(t *testing.T) {
	const head = "Value              Size               Type  Bind  Other Shndx    Name\n"
	for _, tt := range []struct{ in, want string }{
		{"::nm -n", head},
		{"::nm -v", head},
		{"::nm -nh", ""},
		{"5::nm", head + "mdb: 5: operation not supported by target\n"},
		{"5::nmadd a;5::nm", "added a, value=5 size=0\n" + head + "mdb: 5: operation not supported by target\n"},
		{"5::nmadd -f a;::nm -P -f type,name", "added a, value=5 size=0\nType  Name\nFUNC |a\n"},
	} {
		_, run := session(t, []byte("abcdefgh"))
		if diff := cmp.Diff(tt.want, run(tt.in+"\n")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", tt.in, diff)
		}
	}
}

// A raw file has no dcmds of its own but ::status; cmd_notsup of mdb_cmds.c stands
// for those of processes, and a new one cannot be made (cmd_run, cmd_cont_common).
func TestRawFileHasNoProcess(t *testing.T) {
	const refused = "mdb: command is not supported by current target\n"
	const idle = "mdb: failed to create new target: operation not supported by target\n"
	for in, want := range map[string]string{
		"$c": refused, "1$C": refused, "$r": refused, "::regs": refused, "::stack": refused, "$?": refused, "$": refused,
		"::fpregs": refused, "$x": refused, "$l": refused, ":k": refused, "::attach 1": refused,
		":c": idle, "::run": idle, "::step over": idle,
	} {
		_, run := session(t, []byte("abcdefgh"))
		if diff := cmp.Diff(want, run(in+"\n")); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", in, diff)
		}
	}
}
