/* Steps per second of a C program tuned for these sizes: the yardstick of benches/trainers.py.
 *
 *   gcc -O3 -march=native -ffast-math -o trainers trainers.c -lm && ./trainers DIGITS.csv [SECONDS]
 *
 * All sizes are compile-time constants (64 features, 32 hidden units, 10 classes padded to 12), weights are kept
 * padded, and transposed only where a product needs it. Tiles of rows x vectors stay in registers; a
 * mini-batch update is added to the weights by the product itself (no gradient is written); exponentials are vectors.
 * Mini-batches: a new permutation for every epoch (xorshift), rows copied together, the last batch short.
 */
#define _GNU_SOURCE
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INLINE static inline __attribute__((always_inline))
#define F 64   /* features */
#define H 32   /* hidden units */
#define C 10   /* classes */
#define CP 12  /* classes, padded */
#define BLOCK 64

typedef double v4 __attribute__((vector_size(32)));
typedef double v4u __attribute__((vector_size(32), aligned(8)));
typedef int64_t i4 __attribute__((vector_size(32)));
typedef double v8 __attribute__((vector_size(64)));
typedef double v8u __attribute__((vector_size(64), aligned(8)));
typedef int64_t i8 __attribute__((vector_size(64)));

/* Maximum, and b where a is not above 0. */
#include <immintrin.h>
INLINE v4 max4(v4 a, v4 b) { return (v4)_mm256_max_pd((__m256d)a, (__m256d)b); }
#ifdef __AVX512F__
INLINE v8 max8(v8 a, v8 b) { return (v8)_mm512_max_pd((__m512d)a, (__m512d)b); }
INLINE v8 min8(v8 a, v8 b) { return (v8)_mm512_min_pd((__m512d)a, (__m512d)b); }
INLINE v8 where_positive(v8 t, v8 d) {
    return (v8)_mm512_maskz_mov_pd(_mm512_cmp_pd_mask((__m512d)t, _mm512_setzero_pd(), _CMP_GT_OQ), (__m512d)d);
}
#else
INLINE v8 choose(i8 m, v8 a, v8 b) { return (v8)((m & (i8)a) | (~m & (i8)b)); }
INLINE v8 max8(v8 a, v8 b) { return choose(a > b, a, b); }
INLINE v8 min8(v8 a, v8 b) { return choose(a < b, a, b); }
INLINE v8 where_positive(v8 t, v8 d) { return choose(t > 0, d, (v8){0}); }
#endif

enum init { ZERO, ADD, ROW };

/* A tile of m x (n vectors of 4): c = init + a b. All sizes are constants after inlining. */
#define TILE(NAME, V, VU, L)                                                                                           \
    INLINE void NAME(int m, int n, int k, const double *a, long ra, long ca, const double *b, long ldb, double *c,     \
                     long ldc, enum init init, const double *row) {                                                    \
        V s[8][8];                                                                                                     \
        _Pragma("GCC unroll 8") for (int i = 0; i < m; i++)                                                            \
            _Pragma("GCC unroll 8") for (int j = 0; j < n; j++)                                                        \
                s[i][j] = init == ZERO ? (V){0} : init == ADD ? *(VU *)(c + i * ldc + j * L) : *(VU *)(row + j * L);   \
        for (int p = 0; p < k; p++) {                                                                                  \
            V y[8];                                                                                                    \
            _Pragma("GCC unroll 8") for (int j = 0; j < n; j++) y[j] = *(VU *)(b + p * ldb + j * L);                   \
            _Pragma("GCC unroll 8") for (int i = 0; i < m; i++) {                                                      \
                double x = a[i * ra + p * ca];                                                                         \
                _Pragma("GCC unroll 8") for (int j = 0; j < n; j++) s[i][j] += x * y[j];                               \
            }                                                                                                          \
        }                                                                                                              \
        _Pragma("GCC unroll 8") for (int i = 0; i < m; i++)                                                            \
            _Pragma("GCC unroll 8") for (int j = 0; j < n; j++) *(VU *)(c + i * ldc + j * L) = s[i][j];                \
    }
TILE(tile4, v4, v4u, 4)
TILE(tile8, v8, v8u, 8)

/* m rows of 12 columns: 8 x 12 tiles (24 registers), then single rows. */
INLINE void mul12(int m, int k, const double *a, long ra, long ca, const double *b, double *c, enum init init,
                  const double *row) {
    int i = 0;
    for (; i + 8 <= m; i += 8) tile4(8, 3, k, a + i * ra, ra, ca, b, CP, c + i * CP, CP, init, row);
    for (; i + 4 <= m; i += 4) tile4(4, 3, k, a + i * ra, ra, ca, b, CP, c + i * CP, CP, init, row);
    for (; i < m; i++) tile4(1, 3, k, a + i * ra, ra, ca, b, CP, c + i * CP, CP, init, row);
}

/* m rows of 32 columns: 4 x 32 tiles of 8-wide vectors (16 registers), then single rows. */
INLINE void mul32(int m, int k, const double *a, long ra, long ca, const double *b, double *c, enum init init,
                  const double *row) {
    int i = 0;
    for (; i + 4 <= m; i += 4) tile8(4, 4, k, a + i * ra, ra, ca, b, H, c + i * H, H, init, row);
    for (; i < m; i++) tile8(1, 4, k, a + i * ra, ra, ca, b, H, c + i * H, H, init, row);
}

static const double Q[10] = {5.000000000000001e-1,   1.6666666666666669e-1,  4.1666666666624164e-2, 8.333333333330065e-3,
                             1.3888888917196736e-3,  1.9841269863040559e-4,  2.480152132234228e-5,  2.7557268480289716e-6,
                             2.7620075892548164e-7,  2.51003758422237e-8};
#define ROUND 6755399441055744.0

/* e^r - 1 of the reduced argument, and 2^k as a factor. The empty asm keeps -ffast-math from undoing the rounding. */
INLINE v8 reduced(v8 x, v8 *scale) {
    v8 t = x * 1.4426950408889634 + ROUND;
    __asm__("" : "+v"(t));
    v8 k = t - ROUND;
    v8 r = x - k * 6.93147180369123816490e-01;
    r = r - k * 1.90821492927058770002e-10;
    v8 r2 = r * r, r4 = r2 * r2;
    v8 q01 = Q[1] * r + Q[0], q23 = Q[3] * r + Q[2], q45 = Q[5] * r + Q[4], q67 = Q[7] * r + Q[6], q89 = Q[9] * r + Q[8];
    v8 q = ((q89 * r4 + (q67 * r2 + q45)) * r4) + (q23 * r2 + q01);
    *scale = (v8)(((i8)t << 52) + ((i8){0} + (1023LL << 52)));
    return q * r2 + r;
}
INLINE v8 exp8(v8 x) { /* x <= 0; below -708 is taken as -708 */
    v8 low = (v8){0} - 708.0, s;
    x = max8(x, low);
    v8 e = reduced(x, &s);
    return s * e + s;
}
INLINE v8 tanh8(v8 x) {
    i8 sign = (i8)x & ((i8){0} + (int64_t)(1ULL << 63));
    v8 y = (v8)((i8)x ^ sign), top = (v8){0} + 20.0, s;
    y = min8(y, top);
    v8 e = reduced(2.0 * y, &s);
    v8 m = s * e + (s - 1.0);
    return (v8)((i8)(m / (m + 2.0)) | sign);
}

static double *X;      /* n x F */
static int *Y, n;
static double xb[BLOCK * F] __attribute__((aligned(64))), z[(BLOCK + 2) * CP] __attribute__((aligned(64)));
static double hb[BLOCK * H] __attribute__((aligned(64))), dh[BLOCK * H] __attribute__((aligned(64)));
static int yb[BLOCK];

/* Scores of m rows to factor * (softmax - one-hot), in place. Padded scores are -inf by the bias. */
INLINE void derive(int m, const int *y, double factor) {
    for (int i = 0; i < m; i++) {
        v4 a = *(v4 *)(z + i * CP), b = *(v4 *)(z + i * CP + 4), c = *(v4 *)(z + i * CP + 8);
        v4 t = max4(max4(a, b), c);
        double p = t[0] > t[1] ? t[0] : t[1], q = t[2] > t[3] ? t[2] : t[3];
        p = p > q ? p : q;
        *(v4 *)(z + i * CP) = a - p, *(v4 *)(z + i * CP + 4) = b - p, *(v4 *)(z + i * CP + 8) = c - p;
    }
    for (int i = 0; i < m * CP; i += 8) *(v8 *)(z + i) = exp8(*(v8 *)(z + i)); /* z has room for the overhang */
    for (int i = 0; i < m; i++) {
        v4 a = *(v4 *)(z + i * CP), b = *(v4 *)(z + i * CP + 4), c = *(v4 *)(z + i * CP + 8);
        v4 t = a + b + c;
        double f = factor / ((t[0] + t[1]) + (t[2] + t[3]));
        *(v4 *)(z + i * CP) = a * f, *(v4 *)(z + i * CP + 4) = b * f, *(v4 *)(z + i * CP + 8) = c * f;
        z[i * CP + y[i]] -= factor;
    }
}

struct model { /* all padded */
    double w1[F * H], b1[H];
    double w2[F * CP], b2[CP]; /* softmax: F rows; mlp: the first H rows */
    double g1[F * H], gb1[H], g2[F * CP], gb2[CP], w2t[C * H];
} __attribute__((aligned(64)));
static struct model M;
enum kind { SOFTMAX, RELU, TANH };

INLINE void column_sums(int m, int width, const double *d, double *sum) {
    v4 s[8] = {0};
    for (int i = 0; i < m; i++)
        for (int j = 0; j < width / 4; j++) s[j] += *(v4 *)(d + i * width + 4 * j);
    for (int j = 0; j < width / 4; j++) *(v4 *)(sum + 4 * j) += s[j];
}

/* One block of m rows. direct: the update (factor < 0) goes straight into the weights; else gradients are summed. */
INLINE void block(enum kind kind, int m, const double *x, const int *y, double factor, int direct, enum init init) {
    double *g1 = direct ? M.w1 : M.g1, *g2 = direct ? M.w2 : M.g2;
    double *gb1 = direct ? M.b1 : M.gb1, *gb2 = direct ? M.b2 : M.gb2;
    if (direct) init = ADD;
    if (kind == SOFTMAX) {
        mul12(m, F, x, F, 1, M.w2, z, ROW, M.b2);
        derive(m, y, factor);
        mul12(F, m, x, 1, F, z, g2, init, NULL);
        column_sums(m, CP, z, gb2);
        return;
    }
    mul32(m, F, x, F, 1, M.w1, hb, ROW, M.b1);
    if (kind == RELU)
        for (int i = 0; i < m * H; i += 8) { v8 t = *(v8 *)(hb + i); *(v8 *)(hb + i) = max8(t, (v8){0}); }
    else
        for (int i = 0; i < m * H; i += 8) *(v8 *)(hb + i) = tanh8(*(v8 *)(hb + i));
    mul12(m, H, hb, H, 1, M.w2, z, ROW, M.b2);
    derive(m, y, factor);
    for (int j = 0; j < C; j++)
        for (int i = 0; i < H; i++) M.w2t[j * H + i] = M.w2[i * CP + j];
    mul32(m, C, z, CP, 1, M.w2t, dh, ZERO, NULL);
    if (kind == RELU)
        for (int i = 0; i < m * H; i += 8) { v8 t = *(v8 *)(hb + i), d = *(v8 *)(dh + i); *(v8 *)(dh + i) = where_positive(t, d); }
    else
        for (int i = 0; i < m * H; i += 8) { v8 t = *(v8 *)(hb + i), d = *(v8 *)(dh + i); *(v8 *)(dh + i) = d - d * t * t; }
    mul12(H, m, hb, 1, H, z, g2, init, NULL);
    column_sums(m, CP, z, gb2);
    mul32(F, m, x, 1, F, dh, g1, init, NULL);
    column_sums(m, H, dh, gb1);
}

static uint64_t seed = 88172645463325252ULL;
INLINE uint32_t below(uint32_t k) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    return (uint32_t)(((seed >> 32) * k) >> 32);
}

static int *order, at;
__attribute__((noinline)) static void shuffle(void) {
    for (int i = n - 1; i > 0; i--) { int j = below(i + 1), t = order[i]; order[i] = order[j], order[j] = t; }
    at = 0;
}

INLINE void batch_steps(enum kind kind, long steps, double lr) {
    at = n;
    for (long s = 0; s < steps; s++) {
        if (at == n) shuffle();
        int m = n - at < 32 ? n - at : 32;
        for (int i = 0; i < m; i++) {
            int r = order[at + i];
            for (int j = 0; j < F; j += 8) *(v8 *)(xb + i * F + j) = *(v8 *)(X + (long)r * F + j);
            yb[i] = Y[r];
        }
        at += m;
        if (m == 32) block(kind, 32, xb, yb, -lr / 32, 1, ADD);
        else block(kind, m, xb, yb, -lr / m, 1, ADD);
    }
}

INLINE void full_steps(enum kind kind, long steps, double lr) {
    for (long s = 0; s < steps; s++) {
        memset(M.gb1, 0, sizeof M.gb1), memset(M.gb2, 0, sizeof M.gb2);
        int i = 0;
        for (; i + BLOCK <= n; i += BLOCK) block(kind, BLOCK, X + (long)i * F, Y + i, 1.0 / n, 0, i ? ADD : ZERO);
        if (i < n) block(kind, n - i, X + (long)i * F, Y + i, 1.0 / n, 0, i ? ADD : ZERO);
        int rows = kind == SOFTMAX ? F : H;
        for (int j = 0; j < rows * CP; j++) M.w2[j] -= lr * M.g2[j];
        for (int j = 0; j < C; j++) M.b2[j] -= lr * M.gb2[j];
        if (kind == SOFTMAX) continue;
        for (int j = 0; j < F * H; j++) M.w1[j] -= lr * M.g1[j];
        for (int j = 0; j < H; j++) M.b1[j] -= lr * M.gb1[j];
    }
}

#define D 1000
static double theta[D] __attribute__((aligned(64)));
static void quadratic_steps(long steps, double lr) {
    for (long s = 0; s < steps; s++) {
        double a = 2.0 * lr / D;
        for (int i = 0; i < D; i++) theta[i] -= a * theta[i];
        __asm__ volatile("" : "+m"(theta)); /* one step at a time */
    }
}

static void run(int w, long steps) {
    memset(&M, 0, sizeof M);
    if (w == 0) { for (int i = 0; i < D; i++) theta[i] = 1.0; quadratic_steps(steps, 0.01); return; }
    int mlp = w != 1 && w != 4, t = 0;
    if (mlp) {
        for (int i = 0; i < F * H; i++) M.w1[i] = 0.2 * sin(++t);
        for (int i = 0; i < H; i++) M.b1[i] = 0.2 * sin(++t);
        for (int i = 0; i < H; i++) for (int j = 0; j < C; j++) M.w2[i * CP + j] = 0.2 * sin(++t);
        for (int j = 0; j < C; j++) M.b2[j] = 0.2 * sin(++t);
    }
    M.b2[10] = M.b2[11] = -1e300;
    switch (w) {
    case 1: batch_steps(SOFTMAX, steps, 0.1); break;
    case 2: batch_steps(RELU, steps, 0.1); break;
    case 3: batch_steps(TANH, steps, 0.1); break;
    case 4: full_steps(SOFTMAX, steps, 0.1); break;
    case 5: full_steps(RELU, steps, 0.1); break;
    case 6: full_steps(TANH, steps, 0.1); break;
    }
}

static double loss(int w) { /* plain, in the C library's functions */
    double sum = 0;
    if (w == 0) { for (int i = 0; i < D; i++) sum += theta[i] * theta[i]; return sum / D; }
    int mlp = w != 1 && w != 4;
    for (int r = 0; r < n; r++) {
        double h[F], s[C], total = 0;
        int k = mlp ? H : F;
        for (int i = 0; i < k; i++) {
            if (!mlp) { h[i] = X[r * F + i]; continue; }
            double t = M.b1[i];
            for (int j = 0; j < F; j++) t += X[r * F + j] * M.w1[j * H + i];
            h[i] = w == 2 || w == 5 ? (t > 0 ? t : 0) : tanh(t);
        }
        for (int j = 0; j < C; j++) {
            s[j] = M.b2[j];
            for (int i = 0; i < k; i++) s[j] += h[i] * M.w2[i * CP + j];
            total += exp(s[j]);
        }
        sum += log(total) - s[Y[r]];
    }
    return sum / n;
}

static double now(clockid_t clock) { struct timespec t; clock_gettime(clock, &t); return t.tv_sec + 1e-9 * t.tv_nsec; }

int main(int argc, char **argv) {
    FILE *file = fopen(argc > 1 ? argv[1] : "sweeps/data/digits.csv", "r");
    double seconds = argc > 2 ? atof(argv[2]) : 0.3;
    char line[1024];
    if (!file || !fgets(line, sizeof line, file)) return 1;
    X = aligned_alloc(64, 2000 * F * sizeof *X), Y = malloc(2000 * sizeof *Y), order = malloc(2000 * sizeof *order);
    while (fgets(line, sizeof line, file)) {
        char *p = line;
        for (int j = 0; j < F; j++, p++) X[n * F + j] = strtod(p, &p);
        Y[n++] = atoi(p);
    }
    for (int j = 0; j < F; j++) {
        double mean = 0, var = 0;
        for (int i = 0; i < n; i++) mean += X[i * F + j] / n;
        for (int i = 0; i < n; i++) var += (X[i * F + j] - mean) * (X[i * F + j] - mean) / n;
        double sd = var > 1e-20 ? sqrt(var) : 1;
        for (int i = 0; i < n; i++) X[i * F + j] = (X[i * F + j] - mean) / sd;
    }
    for (int i = 0; i < n; i++) order[i] = i;
    const char *names[] = {"quadratic", "softmax_b32", "mlp_relu_b32", "mlp_tanh_b32", "softmax_full", "mlp_relu_full", "mlp_tanh_full"};
    const long check[] = {1000, 2000, 2000, 2000, 50, 50, 50};
    for (int w = 0; w < 7; w++) {
        run(w, check[w]);
        double value = loss(w), start = now(CLOCK_MONOTONIC);
        run(w, check[w]);
        long steps = ceil(check[w] * seconds / (now(CLOCK_MONOTONIC) - start));
        double wall = now(CLOCK_MONOTONIC), cpu = now(CLOCK_THREAD_CPUTIME_ID);
        run(w, steps);
        wall = now(CLOCK_MONOTONIC) - wall, cpu = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
        printf("%s %.1f %.1f %.12f\n", names[w], steps / wall, steps / cpu, value);
    }
}
