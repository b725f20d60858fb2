package x86

// map0F38 is the 0F 38 map. With F2, F0 and F1 are crc32; with F3, F6 is adox.
var map0F38 = [256]op{
	0x00: {"pshufb", fEoGo, mmx},
	0x01: {"phaddw", fEoGo, mmx},
	0x02: {"phaddd", fEoGo, mmx},
	0x03: {"phaddsw", fEoGo, mmx},
	0x04: {"pmaddubsw", fEoGo, mmx},
	0x05: {"phsubw", fEoGo, mmx},
	0x06: {"phsubd", fEoGo, mmx},
	0x07: {"phsubsw", fEoGo, mmx},
	0x08: {"psignb", fEoGo, mmx},
	0x09: {"psignw", fEoGo, mmx},
	0x0A: {"psignd", fEoGo, mmx},
	0x0B: {"pmulhrsw", fEoGo, mmx},

	0x10: {"pblendvb", fEoGo, need66},
	0x14: {"blendvps", fEoGo, need66},
	0x15: {"blendvpd", fEoGo, need66},
	0x17: {"ptest", fEoGo, need66},
	0x1C: {"pabsb", fEoGo, mmx},
	0x1D: {"pabsw", fEoGo, mmx},
	0x1E: {"pabsd", fEoGo, mmx},

	0x20: {"pmovsxbw", fEoGo, need66},
	0x21: {"pmovsxbd", fEoGo, need66},
	0x22: {"pmovsxbq", fEoGo, need66},
	0x23: {"pmovsxwd", fEoGo, need66},
	0x24: {"pmovsxwq", fEoGo, need66},
	0x25: {"pmovsxdq", fEoGo, need66},
	0x28: {"pmuldq", fEoGo, need66},
	0x29: {"pcmpeqq", fEoGo, need66},
	0x2A: {"movntdqa", fMoGo, need66},
	0x2B: {"packusdw", fEoGo, need66},

	0x30: {"pmovzxbw", fEoGo, need66},
	0x31: {"pmovzxbd", fEoGo, need66},
	0x32: {"pmovzxbq", fEoGo, need66},
	0x33: {"pmovzxwd", fEoGo, need66},
	0x34: {"pmovzxwq", fEoGo, need66},
	0x35: {"pmovzxdq", fEoGo, need66},
	0x37: {"pcmpgtq", fEoGo, need66},
	0x38: {"pminsb", fEoGo, need66},
	0x39: {"pminsd", fEoGo, need66},
	0x3A: {"pminuw", fEoGo, need66},
	0x3B: {"pminud", fEoGo, need66},
	0x3C: {"pmaxsb", fEoGo, need66},
	0x3D: {"pmaxsd", fEoGo, need66},
	0x3E: {"pmaxuw", fEoGo, need66},
	0x3F: {"pmaxud", fEoGo, need66},

	0x40: {"pmulld", fEoGo, need66},
	0x41: {"phminposuw", fEoGo, need66},

	0x80: {"invept", fGvEv, all64 | need66},
	0x81: {"invvpid", fGvEv, all64 | need66},
	0x82: {"invpcid", fGvEv, all64 | need66},

	0xC8: {"sha1nexte", fEoGo, 0},
	0xC9: {"sha1msg1", fEoGo, 0},
	0xCA: {"sha1msg2", fEoGo, 0},
	0xCB: {"sha256rnds2", fEoGo, 0},
	0xCC: {"sha256msg1", fEoGo, 0},
	0xCD: {"sha256msg2", fEoGo, 0},
	0xCF: {"gf2p8mulb", fEoGo, need66},

	0xDB: {"aesimc", fEoGo, need66},
	0xDC: {"aesenc", fEoGo, need66},
	0xDD: {"aesenclast", fEoGo, need66},
	0xDE: {"aesdec", fEoGo, need66},
	0xDF: {"aesdeclast", fEoGo, need66},

	0xF0: {"movbe", fMovbe, sfx},
	0xF1: {"movbe", fMovbe, sfx},
	0xF6: {"adcx", fEvGv, 0},
}

// map0F3A is the 0F 3A map.
var map0F3A = [256]op{
	0x08: {"roundps", fIbEoGo, need66},
	0x09: {"roundpd", fIbEoGo, need66},
	0x0A: {"roundss", fIbEoGo, need66},
	0x0B: {"roundsd", fIbEoGo, need66},
	0x0C: {"blendps", fIbEoGo, need66},
	0x0D: {"blendpd", fIbEoGo, need66},
	0x0E: {"pblendw", fIbEoGo, need66},
	0x0F: {"palignr", fIbEoGo, mmx},

	0x14: {"pextrb", fIbsGoEv, need66},
	0x15: {"pextrw", fIbsGoEv, need66},
	0x16: {"pextr", fIbsGoEv, sfx | need66},
	0x17: {"extractps", fIbsGoEv, need66},

	0x20: {"pinsrb", fIbsEvGo, need66},
	0x21: {"insertps", fIbEoGo, need66},
	0x22: {"pinsr", fIbsEvGo, sfx | need66},

	0x40: {"dpps", fIbEoGo, need66},
	0x41: {"dppd", fIbEoGo, need66},
	0x42: {"mpsadbw", fIbEoGo, need66},
	0x44: {"pclmulqdq", fIbEoGo, need66},

	0x60: {"pcmpestrm", fIbEoGo, need66},
	0x61: {"pcmpestri", fIbEoGo, need66},
	0x62: {"pcmpistrm", fIbEoGo, need66},
	0x63: {"pcmpistri", fIbEoGo, need66},

	0xCC: {"sha1rnds4", fIbEoGo, 0},
	0xCE: {"gf2p8affineqb", fIbEoGo, need66},
	0xCF: {"gf2p8affineinvqb", fIbEoGo, need66},

	0xDF: {"aeskeygenassist", fIbEoGo, need66},
}
