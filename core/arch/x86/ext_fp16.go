package x86

// evexTableFP16 is EVEX maps 5 and 6: half precision. parseVectorTable describes the lines.
const evexTableFP16 = `
evex 5 -
1d 0 vcvtss2sh Eo,Ho,Go n4 er
2e 0 vucomish Eo,Go n2 sae
2f 0 vcomish Eo,Go n2 sae
51 0 vsqrtph Ex,Gx fv b2 er
58 0 vaddph Ex,Hx,Gx fv b2 er
59 0 vmulph Ex,Hx,Gx fv b2 er
5a 0 vcvtph2pd Eo,Gx qv b2 sae
5b 0 vcvtdq2ph Ex,Gh fv b4 er xy
5b 1 vcvtqq2ph Ex,Go reg er
5b 1 vcvtqq2ph Ex,Go mem fv b8 xyz
5c 0 vsubph Ex,Hx,Gx fv b2 er
5d 0 vminph Ex,Hx,Gx fv b2 sae
5e 0 vdivph Ex,Hx,Gx fv b2 er
5f 0 vmaxph Ex,Hx,Gx fv b2 sae
78 0 vcvttph2udq Eh,Gx hv b2 sae
79 0 vcvtph2udq Eh,Gx hv b2 er
7c 0 vcvttph2uw Ex,Gx fv b2 sae
7d 0 vcvtph2uw Ex,Gx fv b2 er

evex 5 66
1d 0 vcvtps2phx Ex,Gh fv b4 er xy
5a 1 vcvtpd2ph Ex,Go reg er
5a 1 vcvtpd2ph Ex,Go mem fv b8 xyz
5b 0 vcvtph2dq Eh,Gx hv b2 er
6e - vmovw Ed,Go n2
78 0 vcvttph2uqq Eo,Gx qv b2 sae
79 0 vcvtph2uqq Eo,Gx qv b2 er
7a 0 vcvttph2qq Eo,Gx qv b2 sae
7b 0 vcvtph2qq Eo,Gx qv b2 er
7c 0 vcvttph2w Ex,Gx fv b2 sae
7d 0 vcvtph2w Ex,Gx fv b2 er
7e - vmovw Go,Ed n2

evex 5 F3
10 0 vmovsh Eo,Ho,Go reg
10 0 vmovsh Eo,Go mem n2
11 0 vmovsh Go,Ho,Eo reg
11 0 vmovsh Go,Eo mem n2
2a 0 vcvtsi2sh Ed,Ho,Go reg er
2a 0 vcvtsi2shl Ex,Ho,Go mem n4
2a 1 vcvtsi2sh Eq,Ho,Go reg er
2a 1 vcvtsi2shq Ex,Ho,Go mem n8
2c 0 vcvttsh2si Eo,Gd n2 sae
2c 1 vcvttsh2si Eo,Gq n2 sae
2d 0 vcvtsh2si Eo,Gd n2 er
2d 1 vcvtsh2si Eo,Gq n2 er
51 0 vsqrtsh Eo,Ho,Go n2 er
58 0 vaddsh Eo,Ho,Go n2 er
59 0 vmulsh Eo,Ho,Go n2 er
5a 0 vcvtsh2sd Eo,Ho,Go n2 sae
5b 0 vcvttph2dq Eh,Gx hv b2 sae
5c 0 vsubsh Eo,Ho,Go n2 er
5d 0 vminsh Eo,Ho,Go n2 sae
5e 0 vdivsh Eo,Ho,Go n2 er
5f 0 vmaxsh Eo,Ho,Go n2 sae
78 0 vcvttsh2usi Eo,Gd n2 sae
78 1 vcvttsh2usi Eo,Gq n2 sae
79 0 vcvtsh2usi Eo,Gd n2 er
79 1 vcvtsh2usi Eo,Gq n2 er
7b 0 vcvtusi2sh Ed,Ho,Go reg er
7b 0 vcvtusi2shl Ex,Ho,Go mem n4
7b 1 vcvtusi2sh Eq,Ho,Go reg er
7b 1 vcvtusi2shq Ex,Ho,Go mem n8
7d 0 vcvtw2ph Ex,Gx fv b2 er

evex 5 F2
5a 1 vcvtsd2sh Eo,Ho,Go n8 er
7a 0 vcvtudq2ph Ex,Gh fv b4 er xy
7a 1 vcvtuqq2ph Ex,Go reg er
7a 1 vcvtuqq2ph Ex,Go mem fv b8 xyz
7d 0 vcvtuw2ph Ex,Gx fv b2 er

evex 6 -
13 0 vcvtsh2ss Eo,Ho,Go n2 sae

evex 6 66
13 0 vcvtph2psx Eh,Gx hv b2 sae
2c 0 vscalefph Ex,Hx,Gx fv b2 er
2d 0 vscalefsh Eo,Ho,Go n2 er
42 0 vgetexpph Ex,Gx fv b2 sae
43 0 vgetexpsh Eo,Ho,Go n2 sae
4c 0 vrcpph Ex,Gx fv b2
4d 0 vrcpsh Eo,Ho,Go n2
4e 0 vrsqrtph Ex,Gx fv b2
4f 0 vrsqrtsh Eo,Ho,Go n2
96 0 vfmaddsub132ph Ex,Hx,Gx fv b2 er
97 0 vfmsubadd132ph Ex,Hx,Gx fv
98 0 vfmadd132ph Ex,Hx,Gx fv b2 er
99 0 vfmadd132sh Eo,Ho,Go n2 er
9a 0 vfmsub132ph Ex,Hx,Gx fv b2 er
9b 0 vfmsub132sh Eo,Ho,Go n2 er
9c 0 vfnmadd132ph Ex,Hx,Gx fv b2 er
9d 0 vfnmadd132sh Eo,Ho,Go n2 er
9e 0 vfnmsub132ph Ex,Hx,Gx fv b2 er
9f 0 vfnmsub132sh Eo,Ho,Go n2 er
a6 0 vfmaddsub213ph Ex,Hx,Gx fv b2 er
a7 0 vfmsubadd213ph Ex,Hx,Gx fv
a8 0 vfmadd213ph Ex,Hx,Gx fv b2 er
a9 0 vfmadd213sh Eo,Ho,Go n2 er
aa 0 vfmsub213ph Ex,Hx,Gx fv b2 er
ab 0 vfmsub213sh Eo,Ho,Go n2 er
ac 0 vfnmadd213ph Ex,Hx,Gx fv b2 er
ad 0 vfnmadd213sh Eo,Ho,Go n2 er
ae 0 vfnmsub213ph Ex,Hx,Gx fv b2 er
af 0 vfnmsub213sh Eo,Ho,Go n2 er
b6 0 vfmaddsub231ph Ex,Hx,Gx fv b2 er
b7 0 vfmsubadd231ph Ex,Hx,Gx fv
b8 0 vfmadd231ph Ex,Hx,Gx fv b2 er
b9 0 vfmadd231sh Eo,Ho,Go n2 er
ba 0 vfmsub231ph Ex,Hx,Gx fv b2 er
bb 0 vfmsub231sh Eo,Ho,Go n2 er
bc 0 vfnmadd231ph Ex,Hx,Gx fv b2 er
bd 0 vfnmadd231sh Eo,Ho,Go n2 er
be 0 vfnmsub231ph Ex,Hx,Gx fv b2 er
bf 0 vfnmsub231sh Eo,Ho,Go n2 er

evex 6 F3
56 0 vfmaddcph Ex,Hx,Gx fv b4 er
57 0 vfmaddcsh Eo,Ho,Go n4 er
d6 0 vfmulcph Ex,Hx,Gx fv b4 er
d7 0 vfmulcsh Eo,Ho,Go n4 er

evex 6 F2
56 0 vfcmaddcph Ex,Hx,Gx fv b4 er
57 0 vfcmaddcsh Eo,Ho,Go n4 er
d6 0 vfcmulcph Ex,Hx,Gx fv b4 er
d7 0 vfcmulcsh Eo,Ho,Go n4 er
`
