package genunix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xmdb/xmdb/core"
)

// procDcmds are the commands of processes, credentials, files, address spaces and
// zones.
func procDcmds() []*core.Dcmd {
	list := slices.Concat(processDcmds(), psDcmds(), credDcmds(), fileDcmds(), vnodeDcmds(), pfilesDcmds(), asDcmds(),
		zoneDcmds(), projectDcmds(), contractDcmds(), rctlDcmds(), netstackDcmds(), netstatDcmds(), miDcmds(), lxDcmds())
	for _, d := range list {
		d.Help += optionsText(d.Opts)
	}
	return list
}

// optionsText lists options for a dcmd's help.
func optionsText(opts []core.Opt) string {
	if len(opts) == 0 {
		return ""
	}
	text := "\nOptions:\n"
	for _, o := range opts {
		text += fmt.Sprintf("  -%-12s %s\n", strings.TrimSpace(string(o.Letter)+" "+o.Arg), o.Help)
	}
	return text
}

// procWalkers are their walkers.
func procWalkers() []*core.Walker {
	return slices.Concat(processWalkers(), fileWalkers(), vnodeWalkers(), asWalkers(), zoneWalkers(), projectWalkers(),
		contractWalkers(), rctlWalkers(), netstackWalkers(), miWalkers())
}
