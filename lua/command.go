package lua

import (
	"fmt"
	"strings"

	glua "github.com/yuin/gopher-lua"

	"github.com/xmdb/xmdb/core"
)

// command is a dcmd of a Lua module.
type command struct {
	d    *core.Dcmd
	run  *hook
	cols []column // in the order of Dcmd.Table.Cols
}

// column is one column of a command's table.
type column struct {
	name string
	verb byte // conversion letter of its format; 0 if it is not shown
	arg  int  // its place among the arguments of ctx:row
}

// stringField is a field of a description table; "" if it is absent.
func stringField(L *glua.LState, t *glua.LTable, name string) string {
	switch v := t.RawGetString(name).(type) {
	case *glua.LNilType:
		return ""
	case glua.LString:
		return string(v)
	case glua.LNumber:
		return v.String()
	}
	L.RaiseError("field %s must be a string", name)
	return ""
}

func functionField(L *glua.LState, t *glua.LTable, name string, need bool) *glua.LFunction {
	switch v := t.RawGetString(name).(type) {
	case *glua.LFunction:
		return v
	case *glua.LNilType:
		if !need {
			return nil
		}
	}
	L.RaiseError("field %s must be a function", name)
	return nil
}

var addrModes = map[string]core.AddrMode{
	"": core.AddrNone, "none": core.AddrNone, "optional": core.AddrOptional, "required": core.AddrRequired,
}

func addrField(L *glua.LState, t *glua.LTable) core.AddrMode {
	m, ok := addrModes[stringField(L, t, "addr")]
	if !ok {
		L.RaiseError(`field addr must be "required", "optional" or "none"`)
	}
	return m
}

// command is mdb.command{...}.
func (st *state) command(L *glua.LState) int {
	t := L.CheckTable(1)
	name := stringField(L, t, "name")
	if name == "" {
		L.RaiseError("a command needs a name")
	}
	cmd := &command{run: st.hook(functionField(L, t, "run", true))}
	d := &core.Dcmd{
		Name: name, Usage: stringField(L, t, "usage"), Descr: stringField(L, t, "descr"),
		Help: stringField(L, t, "help"), Type: stringField(L, t, "type"), Opts: options(L, t),
	}
	cmd.d = d
	if d.Descr == "" {
		d.Descr = "command of " + st.file
	}
	if d.Help != "" && !strings.HasSuffix(d.Help, "\n") {
		d.Help += "\n"
	}
	switch addrField(L, t) {
	case core.AddrOptional:
		d.Usage = "?" + strings.TrimLeft(d.Usage, ":?")
	case core.AddrRequired:
		d.Usage = ":" + strings.TrimLeft(d.Usage, ":?")
	}
	if cols, ok := t.RawGetString("columns").(*glua.LTable); ok {
		d.Table, cmd.cols = columns(L, cols, stringField(L, t, "pipe"))
		d.Table.Type = d.Type
	}
	d.Run = func(c *core.Ctx) error { return st.runCommand(c, cmd) }
	if f := st.hook(functionField(L, t, "complete", false)); f != nil {
		d.Complete = func(s *core.Session, args []string, word string) []core.Candidate {
			return st.complete(f, args, word)
		}
	}
	if err := st.addDcmd(d); err != nil {
		L.RaiseError("%s", err.Error())
	}
	return 0
}

func (st *state) addDcmd(d *core.Dcmd) error {
	if st.loaded {
		return st.s.Reg.AddDcmd(st.m, d, false)
	}
	st.m.Dcmds = append(st.m.Dcmds, d)
	return nil
}

func (st *state) runCommand(c *core.Ctx, cmd *command) error {
	if st.broken != nil {
		return st.broken
	}
	res, err := st.call(c, c, cmd.run.fn, 1, st.ctx(c, cmd))
	if err != nil {
		return err
	}
	return verdict(res[0])
}

func (st *state) complete(f *hook, args []string, word string) []core.Candidate {
	if st.broken != nil {
		return nil
	}
	t := st.L.NewTable()
	for _, a := range args {
		t.Append(glua.LString(a))
	}
	res, err := st.callback(f, 1, t, glua.LString(word))
	if err != nil {
		return nil
	}
	list, _ := res[0].(*glua.LTable)
	if list == nil {
		return nil
	}
	var l []core.Candidate
	for i := 1; i <= tableLen(list); i++ {
		c := core.Candidate{Text: at(list, i).String()}
		if e, ok := at(list, i).(*glua.LTable); ok {
			c.Text, c.Descr = e.RawGetString("text").String(), ""
			if d, ok := e.RawGetString("descr").(glua.LString); ok {
				c.Descr = string(d)
			}
		}
		if strings.HasPrefix(c.Text, word) {
			l = append(l, c)
		}
	}
	return l
}

// options reads opts = { v = "help", n = {arg="count", kind="uint", help="..."} }.
func options(L *glua.LState, t *glua.LTable) []core.Opt {
	list, ok := t.RawGetString("opts").(*glua.LTable)
	if !ok {
		return nil
	}
	opts := []core.Opt{}
	for k, v := list.Next(glua.LNil); k != glua.LNil; k, v = list.Next(k) {
		letter := k.String()
		e, isTable := v.(*glua.LTable)
		if isTable && e.RawGetString("letter") != glua.LNil {
			letter = stringField(L, e, "letter")
		}
		if len(letter) != 1 || letter[0] >= 0x80 {
			L.RaiseError("option %s: an option is one letter", letter)
		}
		o := core.Opt{Letter: letter[0]}
		if isTable {
			o.Arg, o.Help = stringField(L, e, "arg"), stringField(L, e, "help")
			o.Kind = optionKind(L, e, letter)
		} else {
			o.Help = v.String()
		}
		opts = append(opts, o)
	}
	return opts
}

func optionKind(L *glua.LState, e *glua.LTable, letter string) core.OptKind {
	switch kind := stringField(L, e, "kind"); kind {
	case "flag":
		return core.Flag
	case "string", "str":
		return core.Str
	case "uint", "number":
		return core.Uint
	case "":
		if stringField(L, e, "arg") != "" {
			return core.Str
		}
	default:
		L.RaiseError(`option %s: kind must be "flag", "string" or "uint"`, letter)
	}
	return core.Flag
}

// columns reads columns = {{name="uid", head="UID", format="%6d"}, ...}. A column
// without a format is in JSON and the pipe only. pipe names the column that goes
// into a pipe, else the first.
func columns(L *glua.LState, list *glua.LTable, pipe string) (*core.Table, []column) {
	n := tableLen(list)
	if n == 0 {
		L.RaiseError("columns is empty")
	}
	t := &core.Table{}
	var cols, hidden []column
	var fields, hiddenFields []core.Field
	var head, line []string
	for i := 1; i <= n; i++ {
		e, ok := at(list, i).(*glua.LTable)
		if !ok {
			L.RaiseError("column %d is no table", i)
		}
		name, format := stringField(L, e, "name"), stringField(L, e, "format")
		c, f := column{name: name, arg: i - 1}, core.Field{Name: name, Descr: stringField(L, e, "descr")}
		if format == "" {
			hidden, hiddenFields = append(hidden, c), append(hiddenFields, f)
			continue
		}
		spec, verb, err := cell(format)
		if err != nil {
			L.RaiseError("column %s: %s", name, err.Error())
		}
		title := stringField(L, e, "head")
		if title == "" {
			title = strings.ToUpper(name)
		}
		c.verb = verb
		cols, fields = append(cols, c), append(fields, f)
		head = append(head, heading(spec, title))
		line = append(line, format)
	}
	cols, t.Cols = append(cols, hidden...), append(fields, hiddenFields...)
	t.Head = "%<u>" + strings.Join(head, " ") + "%</u>\n"
	t.Line = strings.Join(line, " ") + "\n"
	t.Pipe = pipeColumn(L, cols, pipe)
	return t, cols
}

func pipeColumn(L *glua.LState, cols []column, pipe string) int {
	for i, c := range cols {
		if c.name == pipe || pipe == "" && c.arg == 0 {
			return i
		}
	}
	L.RaiseError("pipe: no column %s", pipe)
	return 0
}

// cell takes the format of a column apart: flags and width, and the letter.
func cell(format string) (spec string, verb byte, err error) {
	verbs := argVerbs(format)
	if len(verbs) != 1 || verbs[0] == '*' {
		return "", 0, fmt.Errorf("format %q must have one conversion and no *", format)
	}
	i := strings.IndexByte(format, '%')
	for j := i + 1; j < len(format); j++ {
		if !isModifier(format[j]) {
			return format[i+1 : j], format[j], nil
		}
	}
	return "", 0, fmt.Errorf("format %q has no conversion", format)
}

// heading is the title of a column as a format of its width.
func heading(spec, title string) string {
	width := strings.Trim(spec, "#+hljz")
	width = strings.Replace(width, "-0", "-", 1)
	if !strings.HasPrefix(width, "-") {
		width = strings.TrimLeft(width, "0")
	}
	title = strings.ReplaceAll(title, "%", "%%")
	if width == "" || width == "-" {
		return title
	}
	return padTo(width, title)
}

// padTo writes a title as text of a width: of digits, or of a pointer.
func padTo(width, title string) string {
	left := strings.HasPrefix(width, "-")
	n := 0
	if strings.Contains(width, "?") {
		n = 16
	}
	for _, c := range strings.Trim(width, "-?") {
		if c < '0' || c > '9' {
			return title
		}
		n = min(n*10+int(c-'0'), 500)
	}
	pad := strings.Repeat(" ", max(n-len(title), 0))
	if left {
		return title + pad
	}
	return pad + title
}
