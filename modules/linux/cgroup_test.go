package linux

import (
	"strings"
	"testing"
)

// TestContainerOfPath goes through the names that engines give the cgroups of containers,
// under both drivers and both versions of cgroups.
func TestContainerOfPath(t *testing.T) {
	id := strings.Repeat("4f0e9a21c7", 6) + "beef"
	short := id[:12]
	for _, c := range []struct{ path, id, lxc string }{
		{"/", "", ""},
		{"/docker/" + id, short, ""},
		{"/system.slice/docker-" + id + ".scope", short, ""},
		{"/system.slice/docker-" + id + ".scope/init.scope", short, ""},
		{"/system.slice/docker.service", "", ""},
		{"/docker/" + id + "/system.slice/nginx.service", short, ""}, // systemd runs in it
		{"/machine.slice/libpod-" + id + ".scope", short, ""},
		{"/machine.slice/libpod-" + id + ".scope/container", short, ""},
		{"/libpod_parent/libpod-" + id, short, ""},
		{"/machine.slice/libpod-conmon-" + id + ".scope", "", ""}, // podman's monitor, outside
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope", short, ""},
		{"/kubepods/burstable/pod6d9f4b1c-41d8-4c0e-9f0e-6e2d1f6b7a10/" + id, short, ""},
		{"/kubepods/pod6d9f4b1c-41d8-4c0e-9f0e-6e2d1f6b7a10/" + id, short, ""},
		{"/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod6d9f4b1c_41d8.slice/cri-containerd-" + id + ".scope", short, ""},
		{"/kubepods.slice/kubepods-pod6d9f4b1c_41d8.slice/docker-" + id + ".scope", short, ""},
		{"/kubepods.slice/kubepods-pod6d9f4b1c_41d8.slice/crio-" + id + ".scope", short, ""},
		{"/kubepods.slice/kubepods-pod6d9f4b1c_41d8.slice/crio-conmon-" + id + ".scope", "", ""},
		{"/kubepods.slice/kubepods-pod6d9f4b1c_41d8.slice", "", ""}, // the pod's own, with no container
		{"/system.slice/containerd.service/kubepods-besteffort-pod6d9f4b1c_41d8.slice:cri-containerd:" + id, short, ""},
		{"/system.slice/containerd.service", "", ""},
		{"/system.slice/nerdctl-" + id + ".scope", short, ""},
		{"/lxc.payload.web1", "", "/lxc.payload.web1"},
		{"/lxc.payload.web1/system.slice/ssh.service", "", "/lxc.payload.web1"},
		{"/lxc.payload/web1", "", "/lxc.payload/web1"},
		{"/lxc/web1", "", "/lxc/web1"},
		{"/lxc.monitor.web1", "", ""},
		{"/user.slice/user-0.slice/session-1.scope", "", ""},
		{"/docker/" + id[:63], "", ""},
		{"/docker/" + id + "0", "", ""},
		{"/docker/" + strings.ToUpper(id), "", ""},
		{"/builds/" + id, "", ""}, // a number alone says nothing
	} {
		if got, lxc := containerOfPath(c.path); got != c.id || lxc != c.lxc {
			t.Errorf("%s: %q and %q, want %q and %q", c.path, got, lxc, c.id, c.lxc)
		}
	}
}

func TestPick(t *testing.T) {
	list := []*container{{id: globalZone, name: "host"}, {id: "91c5ffb43ed3", name: "web"}, {id: "91c5000000aa", name: "mail"}, {id: "4026532652", name: "dns"}}
	for word, want := range map[string]string{
		"global": "global", "glob": "global", "91c5f": "91c5ffb43ed3", "91c5ffb43ed3": "91c5ffb43ed3", "dns": "4026532652", "4026532652": "4026532652",
		"91c5ffb43ed39ae2ff01348fb0225e88": "91c5ffb43ed3", // more of the number than is shown
		"91c5":                             "91c5 may be one of the containers 91c5ffb43ed3, 91c5000000aa",
		"host":                             "there is no container host", "": "there is no container ", "91c5ffb43ed4": "there is no container 91c5ffb43ed4",
	} {
		z, err := pick(list, word)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = z.id
		}
		if got != want {
			t.Errorf("%q: %s, want %s", word, got, want)
		}
	}
}
