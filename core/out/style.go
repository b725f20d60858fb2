package out

import (
	"os"
	"strings"
)

// The attributes of %<x>, as ECMA-48 sequences. Standout is reverse, as on
// every terminal that knows both.
var (
	attrOn = map[string]string{
		"a": "\x1b(0", "b": "\x1b[1m", "d": "\x1b[2m",
		"r": "\x1b[7m", "s": "\x1b[7m", "u": "\x1b[4m",
	}
	attrOff = map[string]string{
		"a": "\x1b(B", "b": "\x1b[22m", "d": "\x1b[22m",
		"r": "\x1b[27m", "s": "\x1b[27m", "u": "\x1b[24m",
	}
)

// A Style is the colour of a kind of text.
type Style uint8

const (
	StylePlain   Style = iota
	StyleWarning       // MDB's messages
	StyleError         // what could not be read
	StyleName          // names: symbols, members
	StyleType          // types
	StyleAddress       // addresses
	StyleDim           // what matters less
)

var styleOn = [...]string{
	StyleWarning: "\x1b[31m",
	StyleError:   "\x1b[31m",
	StyleName:    "\x1b[36m",
	StyleType:    "\x1b[32m",
	StyleAddress: "\x1b[33m",
	StyleDim:     "\x1b[2m",
}

const styleOff = "\x1b[0m"

// SetTTY says whether the writer is a terminal. Only then attributes and
// colours are written, colours only without NO_COLOR in the environment and
// neither on a dumb terminal; and each line is written as it ends.
func (p *Printer) SetTTY(on bool) {
	p.tty = on
	p.attrs = on && os.Getenv("TERM") != "dumb"
	p.colour = p.attrs && os.Getenv("NO_COLOR") == ""
}

// TTY reports what SetTTY was told.
func (p *Printer) TTY() bool { return p.tty }

// Colour reports whether Paint colours.
func (p *Printer) Colour() bool { return p.colour }

// SetColour switches colours on or off, whatever SetTTY found.
func (p *Printer) SetColour(on bool) { p.colour = on }

// attribute switches what %<name> says; unknown names are ignored.
func (p *Printer) attribute(name string) {
	if !p.attrs {
		return
	}
	if len(name) == 2 && name[0] == '/' {
		p.escape(attrOff[name[1:]])
	} else {
		p.escape(attrOn[name])
	}
}

// escape puts a terminal sequence on the line; it takes no columns.
func (p *Printer) escape(seq string) { p.buf = append(p.buf, seq...) }

// Styled returns s in a style if colours are on, for a warning that goes to the
// error stream; a newline at its end stays outside.
func (p *Printer) Styled(style Style, s string) string {
	if !p.colour || style == StylePlain || int(style) >= len(styleOn) {
		return s
	}
	text := strings.TrimSuffix(s, "\n")
	return styleOn[style] + text + styleOff + s[len(text):]
}

// Paint writes s in a style. The sequences take no columns, so widths are to
// be made before: Paint(StyleName, Sprintf(...)).
func (p *Printer) Paint(style Style, s string) {
	if !p.colour || style == StylePlain || int(style) >= len(styleOn) {
		p.literal(s)
		return
	}
	if s != "" && s[0] != '\n' && p.wrapNow(len(s)) {
		p.newline()
	}
	p.escape(styleOn[style])
	putText(p, s)
	p.escape(styleOff)
}
