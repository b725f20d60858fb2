package genunix

import (
	"slices"

	"github.com/xmdb/xmdb/core"
)

// procDcmds are the commands of processes, credentials, files, address spaces and
// zones.
func procDcmds() []*core.Dcmd {
	return slices.Concat(processDcmds(), psDcmds(), credDcmds(), fileDcmds(), vnodeDcmds(), pfilesDcmds(), asDcmds(),
		zoneDcmds(), projectDcmds(), contractDcmds(), rctlDcmds(), netstackDcmds(), lxDcmds())
}

// procWalkers are their walkers.
func procWalkers() []*core.Walker {
	return slices.Concat(processWalkers(), fileWalkers(), vnodeWalkers(), asWalkers(), zoneWalkers(), projectWalkers(),
		contractWalkers(), rctlWalkers(), netstackWalkers())
}
