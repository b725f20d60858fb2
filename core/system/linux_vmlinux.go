package system

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/xmdb/xmdb/core/ctype"
	"github.com/xmdb/xmdb/core/ctype/dwarf"
	"github.com/xmdb/xmdb/core/mem"
	"github.com/xmdb/xmdb/core/sym"
)

// linuxFiles is the kernel's own file, with debug data: an upgrade, not a need.
type linuxFiles struct {
	mu    sync.Mutex
	files *Files
	given string // path of vmlinux that the user named
	asked bool
	info  *Info // nil: there is none
}

// UseFiles tells where files with debug data are looked for: vmlinux is the kernel's if
// the user named it, else it is looked for by build-id and, with that build-id, where
// distributions' debug packages put it. Nothing is opened before it is asked for.
func (k *LinuxKernel) UseFiles(files *Files, vmlinux string) {
	f := &k.files
	f.mu.Lock()
	f.files, f.given, f.asked, f.info = files, vmlinux, false, nil
	f.mu.Unlock()
	if _, err := k.kernelBTF(); err != nil && k.fileTypes() != nil {
		k.mu.Lock()
		k.members = nil // it was not known where they are
		k.mu.Unlock()
		k.Refresh()
	}
}

// Info tells what lies behind the kernel's load object; nil if its file was not found.
func (k *LinuxKernel) Info(o *sym.Object) *Info {
	if o != k.main {
		return nil
	}
	f := &k.files
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.asked && f.files != nil {
		f.asked = true
		if found := k.findVmlinux(); found != nil {
			f.info = &Info{Object: k.main, Found: found, files: f.files}
			k.main.File, k.main.FileID = found.Set.File.Path, found.BuildID
		}
	}
	return f.info
}

// vmlinuxPlaces are where packages and builds put the file, by the kernel's release. The
// directories by build-id are looked into with the first.
var vmlinuxPlaces = []string{
	"/usr/lib/debug/boot/vmlinux-%s",        // Debian, Ubuntu
	"/usr/lib/debug/lib/modules/%s/vmlinux", // Fedora, Red Hat
	"/boot/vmlinux-%s",                      // SUSE
	"/lib/modules/%s/vmlinux",
	"/lib/modules/%s/build/vmlinux", // one's own build; Arch
}

// findVmlinux looks for the file. One of another build is not used: its types and lines
// would be lies.
func (k *LinuxKernel) findVmlinux() *Found {
	f := &k.files
	if f.given != "" {
		found := f.files.given(f.given, k.main.BuildID)
		switch {
		case found.Set == nil:
			k.warn("%s: %v", f.given, found.Missing[0].Err)
			return nil
		case k.main.BuildID != "" && !found.Verified:
			k.warn("%s is not the kernel's file: its build-id is %q, the kernel's %s; it is not used", f.given, found.BuildID, k.main.BuildID)
			return nil
		}
		return found
	}
	if k.main.BuildID == "" {
		return nil
	}
	u, _ := k.bannerName() // where a name lies in init_uts_ns may be in this very file
	for _, place := range vmlinuxPlaces {
		if found := f.files.Get(fmt.Sprintf(place, u.Release), k.main.BuildID); found.Set != nil && found.Verified {
			return found
		}
	}
	return nil
}

// DebugData implements core.DebugInfo: of the kernel's file, whose addresses do not have
// the object's Bias, which is the KASLR offset. nil if there is none.
func (k *LinuxKernel) DebugData(o *sym.Object) *dwarf.Data {
	in := k.Info(o)
	if in == nil {
		return nil
	}
	d, err := in.Debug()
	if err != nil {
		k.warn("%v", err)
	}
	return d
}

// fileTypes are the types of the kernel's file; nil if there are none.
func (k *LinuxKernel) fileTypes() ctype.Scope {
	if d := k.DebugData(k.main); d != nil {
		return d
	}
	return nil
}

// maxNotes bounds the notes of an image, bytes.
const maxNotes = 64 << 10

// buildID takes the build-id from the notes in the image: "" if it has none.
func (k *LinuxKernel) buildID() string {
	start, ok := k.Symbol("__start_notes")
	stop, ok2 := k.Symbol("__stop_notes")
	if !ok || !ok2 || stop <= start || stop-start > maxNotes {
		return ""
	}
	b := make([]byte, stop-start)
	if mem.ReadFull(imageSpace{k.phys, k.image.physBase}, b, mem.Addr(start)) != nil {
		return ""
	}
	const header, gnuBuildID = 12, 3 // Elf64_Nhdr; NT_GNU_BUILD_ID
	for len(b) >= header {
		le := binary.LittleEndian
		nameLen, descLen, typ := uint64(le.Uint32(b)), uint64(le.Uint32(b[4:])), le.Uint32(b[8:])
		nameEnd := header + (nameLen+3)&^3
		end := nameEnd + (descLen+3)&^3
		if end > uint64(len(b)) || nameEnd < header || end < nameEnd {
			return ""
		}
		if typ == gnuBuildID && string(b[header:header+nameLen]) == "GNU\x00" {
			return fmt.Sprintf("%x", b[nameEnd:nameEnd+descLen])
		}
		b = b[end:]
	}
	return ""
}
