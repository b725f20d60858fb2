package x86

// vexExtTable are VEX instructions that MDB does not know, and XOP.
// parseVectorTable describes the lines.
const vexExtTable = `
vex 1 66
77 - vzeroupper - L0
77 - vzeroall - L1
ae/2 - vldmxcsr Ex L0 mem
ae/3 - vstmxcsr Ex L0 mem

vex 1 F3
ae/2 - vldmxcsr Ex L0 mem
ae/3 - vstmxcsr Ex L0 mem

vex 1 F2
ae/2 - vldmxcsr Ex L0 mem
ae/3 - vstmxcsr Ex L0 mem

vex 2 -
49 0 ldtilecfg Ex L0 mem
49/0 0 tilerelease - L0 reg
b0 0 vcvtneoph2ps Ex,Gx mem
50 0 vpdpbuud Ex,Hx,Gx
51 0 vpdpbuuds Ex,Hx,Gx

vex 2 66
49 0 sttilecfg Ex L0 mem
4b 0 tileloaddt1 Vx,Gt L0 sib
50 0 vpdpbusd Ex,Hx,Gx
51 0 vpdpbusds Ex,Hx,Gx
52 0 vpdpwssd Ex,Hx,Gx
53 0 vpdpwssds Ex,Hx,Gx
5e 0 tdpbusd Ht,Et,Gt L0 reg
b0 0 vcvtneeph2ps Ex,Gx mem
b1 0 vbcstnesh2ps Ex,Gx mem
b4 1 vpmadd52luq Ex,Hx,Gx
b5 1 vpmadd52huq Ex,Hx,Gx
e0 0 cmpoxadd Hd,Gd,Ex L0 mem
e0 1 cmpoxadd Hq,Gq,Ex L0 mem
e1 0 cmpnoxadd Hd,Gd,Ex L0 mem
e1 1 cmpnoxadd Hq,Gq,Ex L0 mem
e2 0 cmpbxadd Hd,Gd,Ex L0 mem
e2 1 cmpbxadd Hq,Gq,Ex L0 mem
e3 0 cmpnbxadd Hd,Gd,Ex L0 mem
e3 1 cmpnbxadd Hq,Gq,Ex L0 mem
e4 0 cmpzxadd Hd,Gd,Ex L0 mem
e4 1 cmpzxadd Hq,Gq,Ex L0 mem
e5 0 cmpnzxadd Hd,Gd,Ex L0 mem
e5 1 cmpnzxadd Hq,Gq,Ex L0 mem
e6 0 cmpbexadd Hd,Gd,Ex L0 mem
e6 1 cmpbexadd Hq,Gq,Ex L0 mem
e7 0 cmpnbexadd Hd,Gd,Ex L0 mem
e7 1 cmpnbexadd Hq,Gq,Ex L0 mem
e8 0 cmpsxadd Hd,Gd,Ex L0 mem
e8 1 cmpsxadd Hq,Gq,Ex L0 mem
e9 0 cmpnsxadd Hd,Gd,Ex L0 mem
e9 1 cmpnsxadd Hq,Gq,Ex L0 mem
ea 0 cmppxadd Hd,Gd,Ex L0 mem
ea 1 cmppxadd Hq,Gq,Ex L0 mem
eb 0 cmpnpxadd Hd,Gd,Ex L0 mem
eb 1 cmpnpxadd Hq,Gq,Ex L0 mem
ec 0 cmplxadd Hd,Gd,Ex L0 mem
ec 1 cmplxadd Hq,Gq,Ex L0 mem
ed 0 cmpnlxadd Hd,Gd,Ex L0 mem
ed 1 cmpnlxadd Hq,Gq,Ex L0 mem
ee 0 cmplexadd Hd,Gd,Ex L0 mem
ee 1 cmplexadd Hq,Gq,Ex L0 mem
ef 0 cmpnlexadd Hd,Gd,Ex L0 mem
ef 1 cmpnlexadd Hq,Gq,Ex L0 mem

vex 2 F3
4b 0 tilestored Gt,Vx L0 sib
50 0 vpdpbsud Ex,Hx,Gx
51 0 vpdpbsuds Ex,Hx,Gx
5c 0 tdpbf16ps Ht,Et,Gt L0 reg
5e 0 tdpbsud Ht,Et,Gt L0 reg
72 0 vcvtneps2bf16 Ex,Go xy
b0 0 vcvtneebf162ps Ex,Gx mem
b1 0 vbcstnebf162ps Ex,Gx mem

vex 2 F2
49 0 tilezero Gt L0 reg
4b 0 tileloadd Vx,Gt L0 sib
50 0 vpdpbssd Ex,Hx,Gx
51 0 vpdpbssds Ex,Hx,Gx
5c 0 tdpfp16ps Ht,Et,Gt L0 reg
5e 0 tdpbssd Ht,Et,Gt L0 reg
b0 0 vcvtneobf162ps Ex,Gx mem

vex 3 66
48 0 vpermil2ps Il,Rx,Ex,Hx,Gx
48 1 vpermil2ps Il,Ex,Rx,Hx,Gx
49 0 vpermil2pd Il,Rx,Ex,Hx,Gx
49 1 vpermil2pd Il,Ex,Rx,Hx,Gx
5c 0 vfmaddsubps Rx,Ex,Hx,Gx
5c 1 vfmaddsubps Ex,Rx,Hx,Gx
5d 0 vfmaddsubpd Rx,Ex,Hx,Gx
5d 1 vfmaddsubpd Ex,Rx,Hx,Gx
5e 0 vfmsubaddps Rx,Ex,Hx,Gx
5e 1 vfmsubaddps Ex,Rx,Hx,Gx
5f 0 vfmsubaddpd Rx,Ex,Hx,Gx
5f 1 vfmsubaddpd Ex,Rx,Hx,Gx
68 0 vfmaddps Rx,Ex,Hx,Gx
68 1 vfmaddps Ex,Rx,Hx,Gx
69 0 vfmaddpd Rx,Ex,Hx,Gx
69 1 vfmaddpd Ex,Rx,Hx,Gx
6a 0 vfmaddss Ro,Eo,Ho,Go
6a 1 vfmaddss Eo,Ro,Ho,Go
6b 0 vfmaddsd Ro,Eo,Ho,Go
6b 1 vfmaddsd Eo,Ro,Ho,Go
6c 0 vfmsubps Rx,Ex,Hx,Gx
6c 1 vfmsubps Ex,Rx,Hx,Gx
6d 0 vfmsubpd Rx,Ex,Hx,Gx
6d 1 vfmsubpd Ex,Rx,Hx,Gx
6e 0 vfmsubss Ro,Eo,Ho,Go
6e 1 vfmsubss Eo,Ro,Ho,Go
6f 0 vfmsubsd Ro,Eo,Ho,Go
6f 1 vfmsubsd Eo,Ro,Ho,Go
78 0 vfnmaddps Rx,Ex,Hx,Gx
78 1 vfnmaddps Ex,Rx,Hx,Gx
79 0 vfnmaddpd Rx,Ex,Hx,Gx
79 1 vfnmaddpd Ex,Rx,Hx,Gx
7a 0 vfnmaddss Ro,Eo,Ho,Go
7a 1 vfnmaddss Eo,Ro,Ho,Go
7b 0 vfnmaddsd Ro,Eo,Ho,Go
7b 1 vfnmaddsd Eo,Ro,Ho,Go
7c 0 vfnmsubps Rx,Ex,Hx,Gx
7c 1 vfnmsubps Ex,Rx,Hx,Gx
7d 0 vfnmsubpd Rx,Ex,Hx,Gx
7d 1 vfnmsubpd Ex,Rx,Hx,Gx
7e 0 vfnmsubss Ro,Eo,Ho,Go
7e 1 vfnmsubss Eo,Ro,Ho,Go
7f 0 vfnmsubsd Ro,Eo,Ho,Go
7f 1 vfnmsubsd Eo,Ro,Ho,Go


xop 8 -
85 0 vpmacssww Rx,Ex,Hx,Gx L0
86 0 vpmacsswd Rx,Ex,Hx,Gx L0
87 0 vpmacssdql Rx,Ex,Hx,Gx L0
8e 0 vpmacssdd Rx,Ex,Hx,Gx L0
8f 0 vpmacssdqh Rx,Ex,Hx,Gx L0
95 0 vpmacsww Rx,Ex,Hx,Gx L0
96 0 vpmacswd Rx,Ex,Hx,Gx L0
97 0 vpmacsdql Rx,Ex,Hx,Gx L0
9e 0 vpmacsdd Rx,Ex,Hx,Gx L0
9f 0 vpmacsdqh Rx,Ex,Hx,Gx L0
a2 0 vpcmov Rx,Ex,Hx,Gx
a2 1 vpcmov Ex,Rx,Hx,Gx
a3 0 vpperm Rx,Ex,Hx,Gx L0
a3 1 vpperm Ex,Rx,Hx,Gx L0
a6 0 vpmadcsswd Rx,Ex,Hx,Gx L0
b6 0 vpmadcswd Rx,Ex,Hx,Gx L0
c0 0 vprotb I,Ex,Gx L0
c1 0 vprotw I,Ex,Gx L0
c2 0 vprotd I,Ex,Gx L0
c3 0 vprotq I,Ex,Gx L0
cc 0 vpcomb I,Ex,Hx,Gx L0
cd 0 vpcomw I,Ex,Hx,Gx L0
ce 0 vpcomd I,Ex,Hx,Gx L0
cf 0 vpcomq I,Ex,Hx,Gx L0
ec 0 vpcomub I,Ex,Hx,Gx L0
ed 0 vpcomuw I,Ex,Hx,Gx L0
ee 0 vpcomud I,Ex,Hx,Gx L0
ef 0 vpcomuq I,Ex,Hx,Gx L0

xop 9 -
01/1 0 blcfill Ed,Hd L0
01/1 1 blcfill Eq,Hq L0
01/2 0 blsfill Ed,Hd L0
01/2 1 blsfill Eq,Hq L0
01/3 0 blcs Ed,Hd L0
01/3 1 blcs Eq,Hq L0
01/4 0 tzmsk Ed,Hd L0
01/4 1 tzmsk Eq,Hq L0
01/5 0 blcic Ed,Hd L0
01/5 1 blcic Eq,Hq L0
01/6 0 blsic Ed,Hd L0
01/6 1 blsic Eq,Hq L0
01/7 0 t1mskc Ed,Hd L0
01/7 1 t1mskc Eq,Hq L0
02/1 0 blcmsk Ed,Hd L0
02/1 1 blcmsk Eq,Hq L0
02/6 0 blci Ed,Hd L0
02/6 1 blci Eq,Hq L0
12/0 0 llwpcb Ed L0 reg
12/0 1 llwpcb Eq L0 reg
12/1 0 slwpcb Ed L0 reg
12/1 1 slwpcb Eq L0 reg
80 0 vfrczps Ex,Gx
81 0 vfrczpd Ex,Gx
82 0 vfrczss Ex,Gx L0
83 0 vfrczsd Ex,Gx L0
90 0 vprotb Hx,Ex,Gx L0
90 1 vprotb Ex,Hx,Gx L0
91 0 vprotw Hx,Ex,Gx L0
91 1 vprotw Ex,Hx,Gx L0
92 0 vprotd Hx,Ex,Gx L0
92 1 vprotd Ex,Hx,Gx L0
93 0 vprotq Hx,Ex,Gx L0
93 1 vprotq Ex,Hx,Gx L0
94 0 vpshlb Hx,Ex,Gx L0
94 1 vpshlb Ex,Hx,Gx L0
95 0 vpshlw Hx,Ex,Gx L0
95 1 vpshlw Ex,Hx,Gx L0
96 0 vpshld Hx,Ex,Gx L0
96 1 vpshld Ex,Hx,Gx L0
97 0 vpshlq Hx,Ex,Gx L0
97 1 vpshlq Ex,Hx,Gx L0
98 0 vpshab Hx,Ex,Gx L0
98 1 vpshab Ex,Hx,Gx L0
99 0 vpshaw Hx,Ex,Gx L0
99 1 vpshaw Ex,Hx,Gx L0
9a 0 vpshad Hx,Ex,Gx L0
9a 1 vpshad Ex,Hx,Gx L0
9b 0 vpshaq Hx,Ex,Gx L0
9b 1 vpshaq Ex,Hx,Gx L0
c1 0 vphaddbw Ex,Gx L0
c2 0 vphaddbd Ex,Gx L0
c3 0 vphaddbq Ex,Gx L0
c6 0 vphaddwd Ex,Gx L0
c7 0 vphaddwq Ex,Gx L0
cb 0 vphadddq Ex,Gx L0
d1 0 vphaddubw Ex,Gx L0
d2 0 vphaddubd Ex,Gx L0
d3 0 vphaddubq Ex,Gx L0
d6 0 vphadduwd Ex,Gx L0
d7 0 vphadduwq Ex,Gx L0
db 0 vphaddudq Ex,Gx L0
e1 0 vphsubbw Ex,Gx L0
e2 0 vphsubwd Ex,Gx L0
e3 0 vphsubdq Ex,Gx L0

xop a -
10 0 bextr J,Ed,Gd
10 1 bextr J,Eq,Gq
12/0 0 lwpins J,Ed,Hd L0
12/0 1 lwpins J,Ed,Hq L0
12/1 0 lwpval J,Ed,Hd L0
12/1 1 lwpval J,Ed,Hq L0
`
