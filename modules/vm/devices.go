package vm

import "github.com/xmdb/xmdb/core"

// deviceNames are the models of devices, in the order in which they are listed.
var deviceNames = []string{"vioapic", "vatpic", "vatpit", "vhpet", "vrtc", "vpmtmr"}

func deviceDcmds() []*core.Dcmd { return nil }
