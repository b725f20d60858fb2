package x86

// evexTable0F38 is EVEX 0F 38. parseVectorTable describes the lines.
const evexTable0F38 = `
evex 2 -
4e 0 vrsqrt14ps Ex,Gx fv b4
4e 1 vrsqrt14pd Ex,Gx fv b8
50 0 vpdpbuud Ex,Hx,Gx fv b4
51 0 vpdpbuuds Ex,Hx,Gx fv b4

evex 2 66
00 - vpshufb Ex,Hx,Gx fv
04 - vpmaddubsw Ex,Hx,Gx fv
0b - vpmulhrsw Ex,Hx,Gx fv
0c 0 vpermilps Ex,Hx,Gx fv b4
0d 1 vpermilpd Ex,Hx,Gx fv b8
10 1 vpsrlvw Ex,Hx,Gx fv b8
11 1 vpsravw Ex,Hx,Gx fv b8
12 1 vpsllvw Ex,Hx,Gx fv b8
13 0 vcvtph2ps Eh,Gx hv sae
14 0 vprorvd Ex,Hx,Gx fv b4
14 1 vprorvq Ex,Hx,Gx fv b8
15 0 vprolvd Ex,Hx,Gx fv b4
15 1 vprolvq Ex,Hx,Gx fv b8
16 0 vpermps Ex,Hx,Gx L12 fv b4
16 1 vpermpd Ex,Hx,Gx L12 fv b8
18 0 vbroadcastss Eo,Gx n4
19 0 vbroadcastf32x2 Eo,Gx L12 n8
19 1 vbroadcastsd Eo,Gx L12 n8
1a 0 vbroadcastf32x4 Ex,Gx L12 mem n16
1a 1 vbroadcastf64x2 Ex,Gx L12 mem n16
1b 0 vbroadcastf32x8 Ex,Gx L2 mem hv
1b 1 vbroadcastf64x4 Ex,Gx L2 mem hv
1c - vpabsb Ex,Gx fv
1d - vpabsw Ex,Gx fv
1e 0 vpabsd Ex,Gx fv b4
1f 1 vpabsq Ex,Gx fv b8
20 - vpmovsxbw Eh,Gx hv
21 - vpmovsxbd Eo,Gx qv
22 - vpmovsxbq Eo,Gx ev
23 - vpmovsxwd Eh,Gx hv
24 - vpmovsxwq Eo,Gx qv
25 0 vpmovsxdq Eh,Gx hv
26 0 vptestmb Ex,Hx,Gk fv b4
26 1 vptestmw Ex,Hx,Gk fv b8
27 0 vptestmd Ex,Hx,Gk fv b4
27 1 vptestmq Ex,Hx,Gk fv b8
28 1 vpmuldq Ex,Hx,Gx fv b8
29 1 vpcmpeqq Ex,Hx,Gk fv b8
2a 0 vmovntdqa Ex,Gx fv
2b 0 vpackusdw Ex,Hx,Gx fv b4
2c 0 vscalefps Ex,Hx,Gx fv b4 er
2c 1 vscalefpd Ex,Hx,Gx fv b8 er
2d 0 vscalefss Eo,Ho,Go n4 er
2d 1 vscalefsd Eo,Ho,Go n8 er
30 - vpmovzxbw Eh,Gx hv
31 - vpmovzxbd Eo,Gx qv
32 - vpmovzxbq Eo,Gx ev
33 - vpmovzxwd Eh,Gx hv
34 - vpmovzxwq Eo,Gx qv
35 0 vpmovzxdq Eh,Gx hv
36 0 vpermd Ex,Hx,Gx L12 fv b4
36 1 vpermq Ex,Hx,Gx L12 fv b8
37 1 vpcmpgtq Ex,Hx,Gk fv b8
38 - vpminsb Ex,Hx,Gx fv
39 0 vpminsd Ex,Hx,Gx fv b4
39 1 vpminsq Ex,Hx,Gx fv b8
3a - vpminuw Ex,Hx,Gx fv
3b 0 vpminud Ex,Hx,Gx fv b4
3b 1 vpminuq Ex,Hx,Gx fv b8
3c - vpmaxsb Ex,Hx,Gx fv
3d 0 vpmaxsd Ex,Hx,Gx fv b4
3d 1 vpmaxsq Ex,Hx,Gx fv b8
3e - vpmaxuw Ex,Hx,Gx fv
3f 0 vpmaxud Ex,Hx,Gx fv b4
3f 1 vpmaxuq Ex,Hx,Gx fv b8
40 0 vpmulld Ex,Hx,Gx fv b4
40 1 vpmullq Ex,Hx,Gx fv b8
42 0 vgetexpps Ex,Gx fv b4 sae
42 1 vgetexppd Ex,Gx fv b8 sae
43 0 vgetexpss Eo,Ho,Go n4 sae
43 1 vgetexpsd Eo,Ho,Go n8 sae
44 0 vplzcntd Ex,Gx fv b4
44 1 vplzcntq Ex,Gx fv b8
45 0 vpsrlvd Ex,Hx,Gx fv b4
45 1 vpsrlvq Ex,Hx,Gx fv b8
46 0 vpsravd Ex,Hx,Gx fv b4
46 1 vpsravq Ex,Hx,Gx fv b8
47 0 vpsllvd Ex,Hx,Gx fv b4
47 1 vpsllvq Ex,Hx,Gx fv b8
4c 0 vrcp14ps Ex,Gx fv b4
4c 1 vrcp14pd Ex,Gx fv b8
4d 0 vrcp14ss Eo,Ho,Go n4
4d 1 vrcp14sd Eo,Ho,Go n8
4e 0 vrsqrt14ps Ex,Gx fv b4
4e 1 vrsqrt14pd Ex,Gx fv b8
4f 0 vrsqrt14ss Eo,Ho,Go n4
4f 1 vrsqrt14sd Eo,Ho,Go n8
50 0 vpdpbusd Ex,Hx,Gx fv b4
51 0 vpdpbusds Ex,Hx,Gx fv b4
52 0 vpdpwssd Ex,Hx,Gx fv b4
53 0 vpdpwssds Ex,Hx,Gx fv b4
54 0 vpopcntb Ex,Gx fv b4
54 1 vpopcntw Ex,Gx fv b8
55 0 vpopcntd Ex,Gx fv b4
55 1 vpopcntq Ex,Gx fv b8
58 0 vpbroadcastd Eo,Gx n4
59 0 vbroadcasti32x2 Eo,Gx n8
59 1 vpbroadcastq Eo,Gx n8
5a 0 vbroadcasti32x4 Ex,Gx L12 mem n16
5a 1 vbroadcasti64x2 Ex,Gx L12 mem n16
5b 0 vbroadcasti32x8 Ex,Gx L2 mem hv
5b 1 vbroadcasti64x4 Ex,Gx L2 mem hv
62 0 vpexpandb Ex,Gx n1
62 1 vpexpandw Ex,Gx n2
63 0 vpcompressb Gx,Ex n1
63 1 vpcompressw Gx,Ex n2
64 0 vpblendmd Ex,Hx,Gx fv b4
64 1 vpblendmq Ex,Hx,Gx fv b8
65 0 vblendmps Ex,Hx,Gx fv b4
65 1 vblendmpd Ex,Hx,Gx fv b8
66 0 vpblendmb Ex,Hx,Gx fv b4
66 1 vpblendmw Ex,Hx,Gx fv b8
70 1 vpshldvw Ex,Hx,Gx fv b8
71 0 vpshldvd Ex,Hx,Gx fv b4
71 1 vpshldvq Ex,Hx,Gx fv b8
72 1 vpshrdvw Ex,Hx,Gx fv b8
73 0 vpshrdvd Ex,Hx,Gx fv b4
73 1 vpshrdvq Ex,Hx,Gx fv b8
75 0 vpermi2b Ex,Hx,Gx fv b4
75 1 vpermi2w Ex,Hx,Gx fv b8
76 0 vpermi2d Ex,Hx,Gx fv b4
76 1 vpermi2q Ex,Hx,Gx fv b8
77 0 vpermi2ps Ex,Hx,Gx fv b4
77 1 vpermi2pd Ex,Hx,Gx fv b8
78 0 vpbroadcastb Eo,Gx n1
79 0 vpbroadcastw Eo,Gx n2
7a 0 vpbroadcastb Ed,Gx reg
7b 0 vpbroadcastw Ed,Gx reg
7c 0 vpbroadcastd Ed,Gx reg
7c 1 vpbroadcastq Eq,Gx reg
7d 0 vpermt2b Ex,Hx,Gx fv b4
7d 1 vpermt2w Ex,Hx,Gx fv b8
7e 0 vpermt2d Ex,Hx,Gx fv b4
7e 1 vpermt2q Ex,Hx,Gx fv b8
7f 0 vpermt2ps Ex,Hx,Gx fv b4
7f 1 vpermt2pd Ex,Hx,Gx fv b8
83 1 vpmultishiftqb Ex,Hx,Gx fv b8
88 0 vexpandps Ex,Gx n4
88 1 vexpandpd Ex,Gx n8
89 0 vpexpandd Ex,Gx n4
89 1 vpexpandq Ex,Gx n8
8a 0 vcompressps Gx,Ex n4
8a 1 vcompresspd Gx,Ex n8
8b 0 vpcompressd Gx,Ex n4
8b 1 vpcompressq Gx,Ex n8
8d 0 vpermb Ex,Hx,Gx fv b4
8d 1 vpermw Ex,Hx,Gx fv b8
8f - vpshufbitqmb Ex,Hx,Gk fv
90 0 vpgatherdd Vx,Gx n4 vsib
90 1 vpgatherdq Vh,Gx n8 vsib
91 0 vpgatherqd Vx,Gh n4 vsib
91 1 vpgatherqq Vx,Gx n8 vsib
92 0 vgatherdps Vx,Gx n4 vsib
92 1 vgatherdpd Vh,Gx n8 vsib
93 0 vgatherqps Vx,Gh n4 vsib
93 1 vgatherqpd Vx,Gx n8 vsib
96 0 vfmaddsub132ps Ex,Hx,Gx fv b4 er
96 1 vfmaddsub132pd Ex,Hx,Gx fv b8 er
97 0 vfmsubadd132ps Ex,Hx,Gx fv
97 1 vfmsubadd132pd Ex,Hx,Gx fv
98 0 vfmadd132ps Ex,Hx,Gx fv b4 er
98 1 vfmadd132pd Ex,Hx,Gx fv b8 er
99 0 vfmadd132ss Eo,Ho,Go n4 er
99 1 vfmadd132sd Eo,Ho,Go n8 er
9a 0 vfmsub132ps Ex,Hx,Gx fv b4 er
9a 1 vfmsub132pd Ex,Hx,Gx fv b8 er
9b 0 vfmsub132ss Eo,Ho,Go n4 er
9b 1 vfmsub132sd Eo,Ho,Go n8 er
9c 0 vfnmadd132ps Ex,Hx,Gx fv b4 er
9c 1 vfnmadd132pd Ex,Hx,Gx fv b8 er
9d 0 vfnmadd132ss Eo,Ho,Go n4 er
9d 1 vfnmadd132sd Eo,Ho,Go n8 er
9e 0 vfnmsub132ps Ex,Hx,Gx fv b4 er
9e 1 vfnmsub132pd Ex,Hx,Gx fv b8 er
9f 0 vfnmsub132ss Eo,Ho,Go n4 er
9f 1 vfnmsub132sd Eo,Ho,Go n8 er
a0 0 vpscatterdd Gx,Vx n4 vsib
a0 1 vpscatterdq Gx,Vh n8 vsib
a1 0 vpscatterqd Gh,Vx n4 vsib
a1 1 vpscatterqq Gx,Vx n8 vsib
a2 0 vscatterdps Gx,Vx n4 vsib
a2 1 vscatterdpd Gx,Vh n8 vsib
a3 0 vscatterqps Gh,Vx n4 vsib
a3 1 vscatterqpd Gx,Vx n8 vsib
a6 0 vfmaddsub213ps Ex,Hx,Gx fv b4 er
a6 1 vfmaddsub213pd Ex,Hx,Gx fv b8 er
a7 0 vfmsubadd213ps Ex,Hx,Gx fv
a7 1 vfmsubadd213pd Ex,Hx,Gx fv
a8 0 vfmadd213ps Ex,Hx,Gx fv b4 er
a8 1 vfmadd213pd Ex,Hx,Gx fv b8 er
a9 0 vfmadd213ss Eo,Ho,Go n4 er
a9 1 vfmadd213sd Eo,Ho,Go n8 er
aa 0 vfmsub213ps Ex,Hx,Gx fv b4 er
aa 1 vfmsub213pd Ex,Hx,Gx fv b8 er
ab 0 vfmsub213ss Eo,Ho,Go n4 er
ab 1 vfmsub213sd Eo,Ho,Go n8 er
ac 0 vfnmadd213ps Ex,Hx,Gx fv b4 er
ac 1 vfnmadd213pd Ex,Hx,Gx fv b8 er
ad 0 vfnmadd213ss Eo,Ho,Go n4 er
ad 1 vfnmadd213sd Eo,Ho,Go n8 er
ae 0 vfnmsub213ps Ex,Hx,Gx fv b4 er
ae 1 vfnmsub213pd Ex,Hx,Gx fv b8 er
af 0 vfnmsub213ss Eo,Ho,Go n4 er
af 1 vfnmsub213sd Eo,Ho,Go n8 er
b4 1 vpmadd52luq Ex,Hx,Gx fv b8
b5 1 vpmadd52huq Ex,Hx,Gx fv b8
b6 0 vfmaddsub231ps Ex,Hx,Gx fv b4 er
b6 1 vfmaddsub231pd Ex,Hx,Gx fv b8 er
b7 0 vfmsubadd231ps Ex,Hx,Gx fv
b7 1 vfmsubadd231pd Ex,Hx,Gx fv
b8 0 vfmadd231ps Ex,Hx,Gx fv b4 er
b8 1 vfmadd231pd Ex,Hx,Gx fv b8 er
b9 0 vfmadd231ss Eo,Ho,Go n4 er
b9 1 vfmadd231sd Eo,Ho,Go n8 er
ba 0 vfmsub231ps Ex,Hx,Gx fv b4 er
ba 1 vfmsub231pd Ex,Hx,Gx fv b8 er
bb 0 vfmsub231ss Eo,Ho,Go n4 er
bb 1 vfmsub231sd Eo,Ho,Go n8 er
bc 0 vfnmadd231ps Ex,Hx,Gx fv b4 er
bc 1 vfnmadd231pd Ex,Hx,Gx fv b8 er
bd 0 vfnmadd231ss Eo,Ho,Go n4 er
bd 1 vfnmadd231sd Eo,Ho,Go n8 er
be 0 vfnmsub231ps Ex,Hx,Gx fv b4 er
be 1 vfnmsub231pd Ex,Hx,Gx fv b8 er
bf 0 vfnmsub231ss Eo,Ho,Go n4 er
bf 1 vfnmsub231sd Eo,Ho,Go n8 er
c4 0 vpconflictd Ex,Gx fv b4
c4 1 vpconflictq Ex,Gx fv b8
c6/1 0 vgatherpf0dps Vx L2 n4 vsib
c6/1 1 vgatherpf0dpd Vh L2 n8 vsib
c6/2 0 vgatherpf1dps Vx L2 n4 vsib
c6/2 1 vgatherpf1dpd Vh L2 n8 vsib
c6/5 0 vscatterpf0dps Vx L2 n4 vsib
c6/5 1 vscatterpf0dpd Vh L2 n8 vsib
c6/6 0 vscatterpf1dps Vx L2 n4 vsib
c6/6 1 vscatterpf1dpd Vh L2 n8 vsib
c7/1 0 vgatherpf0qps Vx L2 n4 vsib
c7/1 1 vgatherpf0qpd Vx L2 n8 vsib
c7/2 0 vgatherpf1qps Vx L2 n4 vsib
c7/2 1 vgatherpf1qpd Vx L2 n8 vsib
c7/5 0 vscatterpf0qps Vx L2 n4 vsib
c7/5 1 vscatterpf0qpd Vx L2 n8 vsib
c7/6 0 vscatterpf1qps Vx L2 n4 vsib
c7/6 1 vscatterpf1qpd Vx L2 n8 vsib
c8 0 vexp2ps Ex,Gx fv b4 sae
c8 1 vexp2pd Ex,Gx fv b8 sae
ca 0 vrcp28ps Ex,Gx fv b4 sae
ca 1 vrcp28pd Ex,Gx fv b8 sae
cb 0 vrcp28ss Eo,Ho,Go n4 sae
cb 1 vrcp28sd Eo,Ho,Go n8 sae
cc 0 vrsqrt28ps Ex,Gx fv b4 sae
cc 1 vrsqrt28pd Ex,Gx fv b8 sae
cd 0 vrsqrt28ss Eo,Ho,Go n4 sae
cd 1 vrsqrt28sd Eo,Ho,Go n8 sae
cf 0 vgf2p8mulb Ex,Hx,Gx fv b4
dc - vaesenc Ex,Hx,Gx fv
dd - vaesenclast Ex,Hx,Gx fv
de - vaesdec Ex,Hx,Gx fv
df - vaesdeclast Ex,Hx,Gx fv

evex 2 F3
10 0 vpmovuswb Gx,Eh hv
11 0 vpmovusdb Gx,Eo qv
12 0 vpmovusqb Gx,Eo ev
13 0 vpmovusdw Gx,Eh hv
14 0 vpmovusqw Gx,Eo qv
15 0 vpmovusqd Gx,Eh hv
20 0 vpmovswb Gx,Eh hv
21 0 vpmovsdb Gx,Eo qv
22 0 vpmovsqb Gx,Eo ev
23 0 vpmovsdw Gx,Eh hv
24 0 vpmovsqw Gx,Eo qv
25 0 vpmovsqd Gx,Eh hv
26 0 vptestnmb Ex,Hx,Gk fv b4
26 1 vptestnmw Ex,Hx,Gk fv b8
27 0 vptestnmd Ex,Hx,Gk fv b4
27 1 vptestnmq Ex,Hx,Gk fv b8
28 0 vpmovm2b Ek,Gx reg
28 1 vpmovm2w Ek,Gx reg
29 0 vpmovb2m Ex,Gk fv b4
29 1 vpmovw2m Ex,Gk fv b8
2a 1 vpbroadcastmb2q Ek,Gx reg
30 0 vpmovwb Gx,Eh hv
31 0 vpmovdb Gx,Eo qv
32 0 vpmovqb Gx,Eo ev
33 0 vpmovdw Gx,Eh hv
34 0 vpmovqw Gx,Eo qv
35 0 vpmovqd Gx,Eh hv
38 0 vpmovm2d Ek,Gx reg
38 1 vpmovm2q Ek,Gx reg
39 0 vpmovd2m Ex,Gk fv b4
39 1 vpmovq2m Ex,Gk fv b8
3a 0 vpbroadcastmw2d Ek,Gx reg
4e 0 vrsqrt14ps Ex,Gx fv b4
4e 1 vrsqrt14pd Ex,Gx fv b8
50 0 vpdpbsud Ex,Hx,Gx fv b4
51 0 vpdpbsuds Ex,Hx,Gx fv b4
52 0 vdpbf16ps Ex,Hx,Gx fv b4
72 0 vcvtneps2bf16 Ex,Gh fv b4 xy

evex 2 F2
4e 0 vrsqrt14ps Ex,Gx fv b4
4e 1 vrsqrt14pd Ex,Gx fv b8
50 0 vpdpbssd Ex,Hx,Gx fv b4
51 0 vpdpbssds Ex,Hx,Gx fv b4
52 0 vp4dpwssd Ex,Hx,Gx mem n16
53 0 vp4dpwssds Ex,Hx,Gx mem n16
68 0 vp2intersectd Ex,Hx,Gk fv b4 sae
68 1 vp2intersectq Ex,Hx,Gk fv b8 sae
72 0 vcvtne2ps2bf16 Ex,Hx,Gx fv b4
9a 0 v4fmaddps Ex,Hx,Gx mem n16
9b 0 v4fmaddss Ex,Ho,Go mem n16
aa 0 v4fnmaddps Ex,Hx,Gx mem n16
ab 0 v4fnmaddss Ex,Ho,Go mem n16
`
