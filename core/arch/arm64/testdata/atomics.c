// Every form of the LSE atomics: what the compiler makes of the builtins, and the others.
#include <stdint.h>
#define OPS(T, N) \
T fa_##N(T *p, T v) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); } \
T fs_##N(T *p, T v) { return __atomic_fetch_sub(p, v, __ATOMIC_RELAXED); } \
T fo_##N(T *p, T v) { return __atomic_fetch_or(p, v, __ATOMIC_ACQUIRE); } \
T fc_##N(T *p, T v) { return __atomic_fetch_and(p, v, __ATOMIC_RELEASE); } \
T fx_##N(T *p, T v) { return __atomic_fetch_xor(p, v, __ATOMIC_ACQ_REL); } \
void sa_##N(T *p, T v) { __atomic_fetch_add(p, v, __ATOMIC_RELAXED); } \
void so_##N(T *p, T v) { __atomic_fetch_or(p, v, __ATOMIC_RELEASE); } \
void sc_##N(T *p, T v) { __atomic_fetch_and(p, v, __ATOMIC_RELAXED); } \
void sx_##N(T *p, T v) { __atomic_fetch_xor(p, v, __ATOMIC_RELEASE); } \
T sw_##N(T *p, T v) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); } \
T sr_##N(T *p, T v) { return __atomic_exchange_n(p, v, __ATOMIC_RELAXED); } \
_Bool ca_##N(T *p, T *e, T v) { return __atomic_compare_exchange_n(p, e, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); } \
_Bool cr_##N(T *p, T *e, T v) { return __atomic_compare_exchange_n(p, e, v, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED); } \
_Bool cq_##N(T *p, T *e, T v) { return __atomic_compare_exchange_n(p, e, v, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED); } \
_Bool cl_##N(T *p, T *e, T v) { return __atomic_compare_exchange_n(p, e, v, 0, __ATOMIC_RELEASE, __ATOMIC_RELAXED); } \
T ld_##N(T *p) { return __atomic_load_n(p, __ATOMIC_ACQUIRE); } \
void st_##N(T *p, T v) { __atomic_store_n(p, v, __ATOMIC_RELEASE); }
OPS(uint8_t, 1) OPS(uint16_t, 2) OPS(uint32_t, 4) OPS(uint64_t, 8)
#define ASM(op, w) void asm_##op##w(void) { __asm__ volatile(#op " " #w "1, " #w "2, [x3]\n" #op "a " #w "4, " #w "zr, [sp]\n" #op "l " #w "30, " #w "0, [x29]\n" #op "al " #w "9, " #w "9, [x9]\n" #op "b w1, w2, [x3]\n" #op "alb w1, w2, [x3]\n" #op "h w1, w2, [x3]\n" #op "lh w1, w2, [x3]\n"); }
#define BOTH(op) ASM(op, w) ASM(op, x)
BOTH(ldsmax) BOTH(ldsmin) BOTH(ldumax) BOTH(ldumin) BOTH(ldset) BOTH(ldclr) BOTH(ldeor) BOTH(ldadd) BOTH(swp) BOTH(cas)
void asm_casp(void) { __asm__ volatile("casp x0, x1, x2, x3, [x4]\ncaspa w0, w1, w2, w3, [sp]\ncaspl x8, x9, x10, x11, [x4]\ncaspal x0, x1, x2, x3, [x4]\nstadd x1,[x2]\nstsmaxl w1,[x2]\nstuminb w3,[x4]\nstclrlh w5,[sp]"); }
