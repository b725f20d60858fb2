// Package dcmds holds the built-in dcmds and walkers: the ones that need no
// knowledge of a subsystem. They form the module "mdb".
//
// One file has the commands of one topic and a function that lists them; Module
// puts the lists together. Synopses, output and messages are MDB's, to the byte;
// what xmdb adds (::tail, ::count, ::sum, ::sort, ::uniq) follows their style. A
// dcmd refuses an address unless its synopsis begins with ":" or "?", or it is
// marked AnyAddr because MDB's does not look.
package dcmds

import (
	"slices"

	"github.com/xmdb/xmdb/core"
	"github.com/xmdb/xmdb/core/interp"
)

// Module is the built-in module. MDB calls it "mdb": names are scoped as
// mdb`print.
func Module() *core.Module {
	return &core.Module{
		Name:    "mdb",
		Descr:   "built-in commands",
		Builtin: true,
		Dcmds: needProcesses(describe(slices.Concat(
			interp.Dcmds(),
			evalDcmds(),
			listDcmds(),
			variableDcmds(),
			propertyDcmds(),
			debugDcmds(),
			registryDcmds(),
			helpDcmds(),
			loadDcmds(),
			hostDcmds(),
			symbolDcmds(),
			sizeofDcmds(),
			sequenceDcmds(),
			enumDcmds(),
			typedefDcmds(),
			printDcmds(),
			printfDcmds(),
			nmDcmds(),
			mappingDcmds(),
			dumpDcmds(),
			disDcmds(),
			walkDcmds(),
			whatisDcmds(),
			writesDcmds(),
			demangleDcmds(),
			targetDcmds(),
			eventDcmds(),
			controlDcmds(),
			machineDcmds(),
			systemEventDcmds(),
			linkersetDcmds(),
			showrevDcmds(),
			statusDcmds(),
			regsDcmds(),
			fpregsDcmds(),
			stackDcmds(),
			kernelDcmds(),
			cpuDcmds(),
			sysregDcmds(),
			frameDcmds(),
			stacksDcmds(),
			lwpDcmds(),
			tlsDcmds(),
			processDcmds(), environDcmds(),
			processInfoDcmds(),
		))),
		Walkers: slices.Concat(processWalkers(), linkersetWalkers()),
		Whatis:  whatisSources(),
	}
}
