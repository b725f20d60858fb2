package linuxdump

import (
	"context"
	"fmt"
	"strings"
)

// describeKdump makes the lines of ::status, and tells what is missing.
func (t *Target) describeKdump(ctx context.Context, k *kdump) error {
	h := k.files[0]
	t.format = fmt.Sprintf("kdump-compressed, version %d", h.version)
	if t.flat {
		t.format += ", flattened"
	}
	if len(t.notes.qemu) > 0 {
		t.format += ", by QEMU"
	}
	if names := h.codecs(); names != "" {
		t.detail("pages are compressed by %s", names)
	}
	t.describeUname(h.kdumpHeader)
	there := uint64(0)
	for _, f := range k.files {
		last, _ := f.dumped.rank(min(f.end, f.dumped.n))
		there += last - f.first
	}
	ram := h.ram.all()
	t.detail("%s of memory, %s in the dump", bytesText(ram<<k.shift), bytesText(there<<k.shift))
	if h.dumped.off != h.ram.off && h.dumped.all() < ram {
		t.detail("%s were left out%s", bytesText((ram-h.dumped.all())<<k.shift), h.levelText())
	}
	if h.status&statusNoVmmap != 0 {
		t.detail("page structures of pages that were left out were left out, too")
	}
	if h.erased {
		t.detail("some data was erased by makedumpfile --config")
	}
	if h.split {
		t.describeSplit(k)
	}
	return t.checkComplete(ctx, k)
}

// describeUname tells what the header has of the system: nothing if QEMU wrote it.
func (t *Target) describeUname(h *kdumpHeader) {
	if h.uts[2] != "" {
		t.detail("%s", strings.Join(strings.Fields(strings.Join(h.uts[:5], " ")), " "))
	}
	if !h.when.IsZero() {
		t.detail("made %s", h.when.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
}

// levelText names what was left out, by makedumpfile's dump level.
func (h *kdumpHeader) levelText() string {
	if !h.hasLevel {
		return ""
	}
	var what []string
	for i, name := range []string{"zeros", "cache", "private cache", "user data", "free pages"} {
		if h.level>>i&1 != 0 {
			what = append(what, name)
		}
	}
	if len(what) == 0 {
		return ""
	}
	return " (" + strings.Join(what, ", ") + ")"
}

// describeSplit tells which parts of a split dump are there.
func (t *Target) describeSplit(k *kdump) {
	at, gaps := uint64(0), uint64(0)
	for _, f := range k.files {
		gaps += f.start - min(at, f.start)
		at = f.end
	}
	gaps += k.frames - min(at, k.frames)
	files := "files"
	if len(k.files) == 1 {
		files = "file"
	}
	t.detail("%d %s of a split dump", len(k.files), files)
	if gaps > 0 {
		t.warn("it is a part of a split dump: the other files have %d of %d page frames", gaps, k.frames)
	}
}

// checkComplete tells files that end early and dumps that were not finished.
func (t *Target) checkComplete(ctx context.Context, k *kdump) error {
	for _, f := range k.files {
		prefix := ""
		if len(k.files) > 1 {
			prefix = f.name + ": "
		}
		if f.dumped.n < f.pages || f.ram.n < f.pages {
			t.warn("%sthe file ends early, within its bitmaps: no page is there", prefix)
			continue
		}
		if f.status&statusPartial != 0 {
			t.warn("%sthe dump is incomplete: there was no room for all of it", prefix)
		}
		lost, n, err := f.lost(ctx)
		if err != nil {
			return err
		}
		if lost > 0 {
			t.warn("%sthe file ends early: %d of %d pages are missing", prefix, lost, n)
		}
	}
	return nil
}

// lost counts the pages of a file that are not in it, if the last ones are not.
func (f *kdumpFile) lost(ctx context.Context) (lost, n uint64, err error) {
	last, _ := f.dumped.rank(f.end)
	n = last - f.first
	const look = 64
	if lost, err = f.lostFrom(ctx, n-min(n, look), n); lost == 0 || err != nil {
		return 0, n, err
	}
	lost, err = f.lostFrom(ctx, 0, n)
	return lost, n, err
}

// lostFrom goes through the descriptors from one to another.
func (f *kdumpFile) lostFrom(ctx context.Context, from, to uint64) (lost uint64, err error) {
	const batch = 2048
	var buf [batch * descriptorSize]byte
	for ; from < to; from += batch {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		want := min(batch, to-from)
		at := f.descriptors + from*descriptorSize
		if at >= f.size {
			return lost + (to - from), nil
		}
		got, _ := f.r.ReadAt(buf[:want*descriptorSize], int64(at))
		whole := uint64(got) / descriptorSize
		lost += want - whole
		for b := buf[:whole*descriptorSize]; len(b) > 0; b = b[descriptorSize:] {
			if off, size := le.Uint64(b), uint64(le.Uint32(b[8:])); off == 0 || off >= f.size || size > f.size-off {
				lost++
			}
		}
	}
	return lost, nil
}
