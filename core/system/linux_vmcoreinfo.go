package system

import (
	"bytes"
	"strconv"
	"strings"
)

// maxVMCoreInfo bounds the text, bytes: a kernel gives it a page
// (VMCOREINFO_BYTES).
const maxVMCoreInfo = 64 << 10

// VMCoreInfoText is VMCOREINFO taken apart. Addresses are VAs.
type VMCoreInfoText struct {
	Release string // OSRELEASE
	BuildID string // hex, of vmlinux; since 5.9
	Symbols map[string]uint64
	Numbers map[string]int64
	Offsets map[string]uint64 // OFFSET(struct.member), bytes
	Sizes   map[string]uint64 // SIZE(struct), bytes
	// KernelOffset is what KASLR added to the addresses of the image.
	KernelOffset uint64
	HasOffset    bool
}

// ParseVMCoreInfo takes the text apart. Lines that it does not know are passed over,
// as kernels add some in every release; ok is false if it is no VMCOREINFO.
func ParseVMCoreInfo(text []byte) (v *VMCoreInfoText, ok bool) {
	text = text[:min(len(text), maxVMCoreInfo)]
	text, _, _ = bytes.Cut(text, []byte{0})
	v = &VMCoreInfoText{Symbols: map[string]uint64{}, Numbers: map[string]int64{},
		Offsets: map[string]uint64{}, Sizes: map[string]uint64{}}
	for line := range strings.Lines(string(text)) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
			v.line(name, value)
		}
	}
	return v, v.Release != "" && len(v.Symbols) > 0
}

func (v *VMCoreInfoText) line(name, value string) {
	kind, rest, _ := strings.Cut(name, "(")
	of := strings.TrimSuffix(rest, ")")
	switch kind {
	case "OSRELEASE":
		v.Release = value
	case "BUILD-ID":
		v.BuildID = value
	case "KERNELOFFSET":
		if n, err := strconv.ParseUint(value, 16, 64); err == nil {
			v.KernelOffset, v.HasOffset = n, true
		}
	case "SYMBOL":
		if n, err := strconv.ParseUint(value, 16, 64); err == nil {
			v.Symbols[of] = n
		}
	case "NUMBER":
		if n, err := strconv.ParseInt(value, 0, 64); err == nil {
			v.Numbers[of] = n
		}
	case "OFFSET":
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			v.Offsets[of] = n
		}
	case "SIZE":
		if n, err := strconv.ParseUint(value, 10, 64); err == nil {
			v.Sizes[of] = n
		}
	}
}
