package linux

import (
	"regexp"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/modules/kernel"
)

// maxCgroupDepth bounds the path of a cgroup.
const maxCgroupDepth = 256

// cgroups gives the cgroups of a task by its css_set: that of the unified hierarchy
// first, then those of the controllers of version 1.
func cgroups(v *kernel.View, set uint64) ([]uint64, error) {
	if set == 0 {
		return nil, nil
	}
	type layout struct {
		Size    uint64       `ctf:"sizeof"`
		Default kernel.Field `ctf:"dfl_cgrp,optional"`
		States  kernel.Field `ctf:"subsys"`
	}
	l, b, err := read(v, "struct css_set", set, func(l *layout) uint64 { return l.Size })
	if err != nil {
		return nil, err
	}
	var list []uint64
	if g := l.Default.Of(b); g != 0 {
		list = append(list, g)
	}
	of, err := v.Member("struct cgroup_subsys_state", "cgroup")
	if err != nil {
		return list, err
	}
	for _, css := range words(l.States, b) {
		if css == 0 {
			continue
		}
		if g, err := v.Pointer(css + of.Off); err == nil && g != 0 && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list, nil
}

// cgroupPath is the path of a cgroup below the root of its hierarchy: "/docker/4f…".
func cgroupPath(v *kernel.View, cgroup uint64) (string, error) {
	type pathKey uint64
	return core.Memo(v.Session(), pathKey(cgroup), func() (string, error) {
		f, err := v.Member("struct cgroup", "kn")
		if err != nil {
			return "", err
		}
		kn, err := v.Pointer(cgroup + f.Off)
		if err != nil {
			return "", kernel.BadRead("cgroup", cgroup, err)
		}
		return nodePath(v, kn)
	})
}

// nodePath is the path of a kernfs_node below its root.
func nodePath(v *kernel.View, node uint64) (string, error) {
	type layout struct {
		Size   uint64       `ctf:"sizeof"`
		Name   kernel.Field `ctf:"name"`
		Parent kernel.Field `ctf:"__parent|parent"` // renamed in 6.15
	}
	var names []string
	for range maxCgroupDepth {
		l, b, err := read(v, "struct kernfs_node", node, func(l *layout) uint64 { return l.Size })
		if err != nil {
			return "", err
		}
		up := l.Parent.Of(b)
		if up == 0 {
			break
		}
		name, err := v.Text(l.Name.Of(b), 256)
		if err != nil {
			return "", kernel.BadRead("name of kernfs_node", node, err)
		}
		names = append(names, name)
		node = up
	}
	slices.Reverse(names)
	return "/" + strings.Join(names, "/"), nil
}

// Cgroups that engines make for containers. Docker, podman (libpod), containerd with its
// Kubernetes forms and CRI-O put 64 hexadecimal digits into the name; lxc names its own.
var (
	hexCgroup = regexp.MustCompile(`(?:^|[/:])(?:docker[/-]|libpod-|cri-containerd[:-]|containerd/|nerdctl-|crio-)(?:[^/]*/)?([0-9a-f]{12})[0-9a-f]{52}(?:\.scope)?(?:/|$)` +
		`|/kubepods[^/]*/(?:[^/]+/)*([0-9a-f]{12})[0-9a-f]{52}(?:/|$)`)
	lxcCgroup = regexp.MustCompile(`(?:^|/)(?:lxc/|lxc\.payload[./])[^/]+`)
)

// containerOfPath gives the id of the container that a cgroup's path names, "" if it names
// none; lxc is the cgroup of an lxc container, which has no id in it.
func containerOfPath(path string) (id, lxc string) {
	m := hexCgroup.FindStringSubmatch(path)
	for _, id := range m[min(1, len(m)):] {
		if id != "" {
			return id, ""
		}
	}
	return "", lxcCgroup.FindString(path)
}
