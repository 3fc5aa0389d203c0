// Included by kernels.h, several times.
// Every kernel: name, parameters, arguments. Rows are contiguous; N rows of width W unless said otherwise.

// Elementwise, n elements.
KERNEL(add, (size_t n, const float *a, const float *b, float *out), (n, a, b, out))
KERNEL(subtract, (size_t n, const float *a, const float *b, float *out), (n, a, b, out))
KERNEL(multiply, (size_t n, const float *a, const float *b, float *out), (n, a, b, out))
KERNEL(scale, (size_t n, const float *a, float factor, float *out), (n, a, factor, out))
// y += factor · x
KERNEL(accumulate, (size_t n, float factor, const float *x, float *y), (n, factor, x, y))
KERNEL(activation, (int kind, size_t n, const float *x, float *y), (kind, n, x, y))
// dx = dy · f'(x); `y` is f(x).
KERNEL(activation_backward, (int kind, size_t n, const float *x, const float *y, const float *dy, float *dx), (kind, n, x, y, dy, dx))
// out [rows, W] = f(gate) · up, the two being rows of `x` [rows, 2 · W] that start at columns `gate` and `up`.
KERNEL(gated, (int kind, size_t rows, size_t width, size_t gate, size_t up, const float *x, float *out), (kind, rows, width, gate, up, x, out))
KERNEL(gated_backward, (int kind, size_t rows, size_t width, size_t gate, size_t up, const float *x, const float *dy, float *dx), (kind, rows, width, gate, up, x, dy, dx))
// Keeps an element with probability `keep` and divides it by that; element i of the whole uses number `first + i` of the stream
// (`first` a multiple of 64). Its own pullback.
KERNEL(dropout, (size_t n, const float *x, float keep, uint64_t seed, uint64_t stream, uint64_t first, float *out), (n, x, keep, seed, stream, first, out))
// out = x + row, for each row.
KERNEL(add_row, (size_t rows, size_t width, const float *x, const float *row, float *out), (rows, width, x, row, out))
// out[W] = the sum of the rows.
KERNEL(column_sums, (size_t rows, size_t width, size_t stride, const float *x, float *out), (rows, width, stride, x, out))
// *out = Σ x² and Σ a·b, in double.
KERNEL(square_sum, (size_t n, const float *x, double *out), (n, x, out))
KERNEL(is_finite, (size_t n, const float *x, bool *out), (n, x, out))

// Norms.
KERNEL(layer_norm, (size_t rows, size_t width, float epsilon, const float *x, const float *gamma, const float *beta, float *y, float *mean, float *rstd), (rows, width, epsilon, x, gamma, beta, y, mean, rstd))
// dgamma and dbeta are overwritten with this block's sums.
KERNEL(layer_norm_backward, (size_t rows, size_t width, const float *x, const float *gamma, const float *mean, const float *rstd, const float *dy, float *dx, float *dgamma, float *dbeta), (rows, width, x, gamma, mean, rstd, dy, dx, dgamma, dbeta))
// y = x / √(mean x² + ε) · γ; dgamma is overwritten with this block's sum.
KERNEL(rms_norm, (size_t rows, size_t width, float epsilon, const float *x, const float *gamma, float *y, float *rstd), (rows, width, epsilon, x, gamma, y, rstd))
KERNEL(rms_norm_backward, (size_t rows, size_t width, const float *x, const float *gamma, const float *rstd, const float *dy, float *dx, float *dgamma), (rows, width, x, gamma, rstd, dy, dx, dgamma))
// Column sums of x − shift and of its square (for variances without cancellation).
KERNEL(column_moments, (size_t rows, size_t width, const float *x, const float *shift, float *sums, float *squares), (rows, width, x, shift, sums, squares))
// y = x · factor + offset, by column.
KERNEL(column_affine, (size_t rows, size_t width, const float *x, const float *factor, const float *offset, float *y), (rows, width, x, factor, offset, y))
// Column sums of dy and of dy · (x − mean) · rstd.
KERNEL(batch_norm_sums, (size_t rows, size_t width, const float *x, const float *mean, const float *rstd, const float *dy, float *dbeta, float *dgamma), (rows, width, x, mean, rstd, dy, dbeta, dgamma))
// dx = a · dy + b · x + c, by column.
KERNEL(batch_norm_backward, (size_t rows, size_t width, const float *x, const float *dy, const float *a, const float *b, const float *c, float *dx), (rows, width, x, dy, a, b, c, dx))
// y = x / max(‖x‖, epsilon), by row; `norms` keeps the divisors.
KERNEL(normalize, (size_t rows, size_t width, float epsilon, const float *x, float *y, float *norms), (rows, width, epsilon, x, y, norms))
KERNEL(normalize_backward, (size_t rows, size_t width, float epsilon, const float *y, const float *norms, const float *dy, float *dx), (rows, width, epsilon, y, norms, dy, dx))

// Products with a matrix [K, N] packed in panels of 32 columns, for the columns from `first` (a multiple of 32) to before `columns`;
// `out` and what its end names are whole; rows of x stand `stride` apart.
KERNEL(pack, (size_t inner, size_t columns, const float *b, size_t row_stride, size_t column_stride, float *panels), (inner, columns, b, row_stride, column_stride, panels))
KERNEL(product, (size_t rows, size_t inner, size_t first, size_t columns, size_t stride, const float *x, const float *panels, const enc_product_end *end, float *out), (rows, inner, first, columns, stride, x, panels, end, out))
// The same with panels of half precision, which `to_half` makes of others, and rows as `half_rows` makes them for the processor, of K floats
// each. `room`: of what rows and panels multiply, sums of 128 stay below 2^16 if the largest of a row is below 2^room.
KERNEL(to_half, (size_t n, const float *x, uint16_t *out), (n, x, out))
KERNEL(half_rows, (size_t rows, size_t inner, size_t stride, const float *x, int room, float *out, float *scales), (rows, inner, stride, x, room, out, scales))
KERNEL(half_product, (size_t rows, size_t inner, size_t first, size_t columns, const float *x, const float *scales, const uint16_t *panels, const enc_product_end *end, float *out), (rows, inner, first, columns, x, scales, panels, end, out))
// The same of brain floats: rows as `round_rows` makes them for the processor, of up to K + 1 floats each, and panels [⌈K / 2⌉][32] of pairs.
KERNEL(round_rows, (size_t rows, size_t inner, size_t stride, const float *x, float *out), (rows, inner, stride, x, out))
KERNEL(pack_pairs, (size_t inner, const float *panel, uint32_t *pairs), (inner, panel, pairs))
KERNEL(pair_product, (size_t rows, size_t inner, size_t first, size_t columns, const float *x, const uint32_t *panels, const enc_product_end *end, float *out), (rows, inner, first, columns, x, panels, end, out))
// The fastest that products can be: `n` steps of 12 chains of multiply-add, of 32 operations a step and chain; of 64 on pairs and halves and of 128 on bytes.
KERNEL(float_peak, (size_t n, float *out), (n, out))
KERNEL(pair_peak, (size_t n, float *out), (n, out))
KERNEL(half_peak, (size_t n, float *out), (n, out))
KERNEL(byte_peak, (size_t n, int32_t *out), (n, out))
// 32 columns of a matrix of `width` columns as bytes.
KERNEL(pack_bytes, (size_t inner, size_t columns, size_t width, const float *b, size_t row_stride, size_t column_stride, int8_t *bytes, float *scales, float *sums), (inner, columns, width, b, row_stride, column_stride, bytes, scales, sums))
// Rows as bytes, with a scale and an offset for each run of ENC_QUANTUM numbers; the row stride is K rounded up to 64.
KERNEL(quantize, (size_t rows, size_t inner, size_t stride, const float *x, uint8_t *bytes, float *scales, float *offsets), (rows, inner, stride, x, bytes, scales, offsets))
KERNEL(byte_product, (size_t rows, size_t inner, size_t first, size_t columns, const uint8_t *x, const float *scales, const float *offsets, const enc_byte_matrix *b, const enc_product_end *end, float *out), (rows, inner, first, columns, x, scales, offsets, b, end, out))
// out [n, k] = or += Aᵀ · B for rows A [rows, n] and B [rows, k], and in the same way sums [n] (unless NULL) the sums of A's columns; n and k
// are at most ENC_GRADIENT_TILE. `scratch` holds ENC_GRADIENT_SCRATCH floats. The second multiplies brain floats.
KERNEL(transposed_product, (size_t rows, size_t n, size_t k, const float *a, size_t a_stride, const float *b, size_t b_stride, bool add, float *out, size_t out_stride, float *sums, void *scratch), (rows, n, k, a, a_stride, b, b_stride, add, out, out_stride, sums, scratch))
KERNEL(pair_transposed_product, (size_t rows, size_t n, size_t k, const float *a, size_t a_stride, const float *b, size_t b_stride, bool add, float *out, size_t out_stride, float *sums, void *scratch), (rows, n, k, a, a_stride, b, b_stride, add, out, out_stride, sums, scratch))

// Softmax and losses.
KERNEL(softmax, (size_t rows, size_t width, const float *x, float *y), (rows, width, x, y))
KERNEL(softmax_backward, (size_t rows, size_t width, const float *y, const float *dy, float *dx), (rows, width, y, dy, dx))
KERNEL(log_softmax, (size_t rows, size_t width, const float *x, float *y), (rows, width, x, y))
KERNEL(log_softmax_backward, (size_t rows, size_t width, const float *y, const float *dy, float *dx), (rows, width, y, dy, dx))
// Per row: losses[r], weighted, and gradient[r] = its derivative by the logits. `weights` (by class) may be NULL.
KERNEL(cross_entropy, (size_t rows, size_t classes, const float *logits, const int32_t *labels, float smoothing, const float *weights, float *losses, float *gradient), (rows, classes, logits, labels, smoothing, weights, losses, gradient))
// Elementwise, from logits; `positive` is the weight of the positive term.
KERNEL(binary_cross_entropy, (size_t n, const float *logits, const float *targets, float positive, float *losses, float *gradient), (n, logits, targets, positive, losses, gradient))

// Sequences: rows of all sequences one after another, sequence s is rows offsets[s] ..< offsets[s + 1].
KERNEL(gather, (size_t count, size_t width, const int32_t *ids, const float *table, float *out), (count, width, ids, table, out))
// table[ids[order[i]]] += x[order[i]], for i in 0 ..< count.
KERNEL(scatter_add, (size_t count, size_t width, const int32_t *ids, const int32_t *order, const float *x, float *table), (count, width, ids, order, x, table))
// out[s] = factor[s] · Σ rows of s.
KERNEL(pool_sum, (size_t count, size_t width, const int32_t *offsets, const float *factors, const float *x, float *out), (count, width, offsets, factors, x, out))
KERNEL(pool_sum_backward, (size_t count, size_t width, const int32_t *offsets, const float *factors, const float *dy, float *dx), (count, width, offsets, factors, dy, dx))
KERNEL(pool_max, (size_t count, size_t width, const int32_t *offsets, const float *x, float *out, int32_t *rows), (count, width, offsets, x, out, rows))
// dx must be zero before.
KERNEL(pool_max_backward, (size_t count, size_t width, const int32_t *rows, const float *dy, float *dx), (count, width, rows, dy, dx))
// weights = softmax over the sequence of x · query; out[s] = Σ weights · rows.
KERNEL(pool_attention, (size_t count, size_t width, const int32_t *offsets, const float *x, const float *query, float *weights, float *out), (count, width, offsets, x, query, weights, out))
// dquery is overwritten with this block's sum.
KERNEL(pool_attention_backward, (size_t count, size_t width, const int32_t *offsets, const float *x, const float *query, const float *weights, const float *dy, float *dx, float *dquery), (count, width, offsets, x, query, weights, dy, dx, dquery))
// Windows of a 1-D convolution for output rows first ..< last of one sequence: out [last − first, kernel · channels] from
// x [length, stride of `width`] (a group's `channels` of it), rows outside the sequence being zero.
KERNEL(windows, (ptrdiff_t first, ptrdiff_t last, ptrdiff_t length, size_t width, size_t channels, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, ptrdiff_t dilation, const float *x, float *out), (first, last, length, width, channels, kernel, stride, padding, dilation, x, out))
// The pullback of windows: dx += .
KERNEL(windows_backward, (ptrdiff_t first, ptrdiff_t last, ptrdiff_t length, size_t width, size_t channels, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, ptrdiff_t dilation, const float *dwindows, float *dx), (first, last, length, width, channels, kernel, stride, padding, dilation, dwindows, dx))
// Max over windows of `kernel` rows; `rows` keeps which (−1 where a window had none).
KERNEL(max_pool_rows, (ptrdiff_t outputs, ptrdiff_t length, size_t width, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, const float *x, float *y, int32_t *rows), (outputs, length, width, kernel, stride, padding, x, y, rows))
KERNEL(max_pool_rows_backward, (ptrdiff_t outputs, size_t width, const int32_t *rows, const float *dy, float *dx), (outputs, width, rows, dy, dx))
KERNEL(average_pool_rows, (ptrdiff_t outputs, ptrdiff_t length, size_t width, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, const float *x, float *y), (outputs, length, width, kernel, stride, padding, x, y))
KERNEL(average_pool_rows_backward, (ptrdiff_t outputs, ptrdiff_t length, size_t width, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t padding, const float *dy, float *dx), (outputs, length, width, kernel, stride, padding, dy, dx))

// One step of a recurrence for `count` sequences: rows[i] is the row of sequence i at this step, in arrays of all rows.
// recurrent [count, G·H] is h · W_hhᵀ (+ b_hh). `output` has row stride `stride`. Gates are kept activated for the pullback.
KERNEL(rnn_step, (size_t count, size_t hidden, const int32_t *rows, const float *recurrent, float *gates, float *output, size_t stride, float *h), (count, hidden, rows, recurrent, gates, output, stride, h))
KERNEL(rnn_step_backward, (size_t count, size_t hidden, const int32_t *rows, float *gates, const float *doutput, size_t stride, const float *dh, float *drecurrent), (count, hidden, rows, gates, doutput, stride, dh, drecurrent))
KERNEL(lstm_step, (size_t count, size_t hidden, const int32_t *rows, const float *recurrent, float *gates, float *cells, float *output, size_t stride, float *h, float *c), (count, hidden, rows, recurrent, gates, cells, output, stride, h, c))
// `previous` is the row of the step before (−1: none). gates become their gradients; dc is carried.
KERNEL(lstm_step_backward, (size_t count, size_t hidden, const int32_t *rows, const int32_t *previous, float *gates, const float *cells, const float *doutput, size_t stride, const float *dh, float *dc, float *drecurrent), (count, hidden, rows, previous, gates, cells, doutput, stride, dh, dc, drecurrent))
// `candidates` keeps W_hn h + b_hn.
KERNEL(gru_step, (size_t count, size_t hidden, const int32_t *rows, const float *recurrent, float *gates, float *candidates, float *output, size_t stride, float *h), (count, hidden, rows, recurrent, gates, candidates, output, stride, h))
// candidates become the gradients of W_hn h + b_hn; `direct` is the part of the gradient of the previous h that doesn't go through W_hh.
KERNEL(gru_step_backward, (size_t count, size_t hidden, const int32_t *rows, const int32_t *previous, float *gates, float *candidates, const float *outputs, const float *doutput, size_t stride, const float *dh, float *direct, float *drecurrent), (count, hidden, rows, previous, gates, candidates, outputs, doutput, stride, dh, direct, drecurrent))

// Attention of one head in one sequence, with the logarithms of base 2; dq has q's stride, dk and dv those of k and v. `scratch` holds
// (length + 32) · (2 · width + 36) + 128 floats. Of several query heads that share a key head, those after the first `add` to dk and dv.
// `bias` may be NULL, and forward `logsums`, which only the pullback needs; `dbias` [2 · reach + 1] is overwritten. The second multiplies
// brain floats, the third halves where they are fast, both without dropout.
KERNEL(attention, (const enc_attention_form *form, const float *q, const float *k, const float *v, const float *bias, float *out, float *logsums, float *scratch), (form, q, k, v, bias, out, logsums, scratch))
KERNEL(pair_attention, (const enc_attention_form *form, const float *q, const float *k, const float *v, const float *bias, float *out, float *scratch), (form, q, k, v, bias, out, scratch))
KERNEL(half_attention, (const enc_attention_form *form, const float *q, const float *k, const float *v, const float *bias, float *out, float *scratch), (form, q, k, v, bias, out, scratch))
KERNEL(attention_backward, (const enc_attention_form *form, const float *q, const float *k, const float *v, const float *bias, const float *out, const float *logsums, const float *dout, bool add, float *dq, float *dk, float *dv, float *dbias, float *scratch), (form, q, k, v, bias, out, logsums, dout, add, dq, dk, dv, dbias, scratch))
// Turns `pairs` pairs of each head in rows [width, of a row stride] at positions from `first` on; tables are [positions, pairs].
KERNEL(rotary, (size_t rows, size_t width, size_t stride, size_t head_width, size_t pairs, bool halves, float direction, size_t first, const float *cosines, const float *sines, const float *x, float *out), (rows, width, stride, head_width, pairs, halves, direction, first, cosines, sines, x, out))

// Images, channels last: one image [height, width, channels] a call.
KERNEL(max_pool_image, (const ptrdiff_t *geometry, const float *x, float *y, int32_t *places), (geometry, x, y, places))
KERNEL(max_pool_image_backward, (const ptrdiff_t *geometry, const float *dy, const int32_t *places, float *dx), (geometry, dy, places, dx))
KERNEL(average_pool_image, (const ptrdiff_t *geometry, const float *x, float *y), (geometry, x, y))
KERNEL(average_pool_image_backward, (const ptrdiff_t *geometry, const float *dy, float *dx), (geometry, dy, dx))
// Convolutions of 3 × 3 in tiles. 16 matrices [K, N] of a weight, `matrix` floats apart, as panels: 32 columns, or the fewer that are left, of each.
// Their windows stand apart by the strides, and are `turned` by half a circle where outputs' slopes are convolved.
KERNEL(winograd_weights, (size_t inner, size_t columns, const float *weight, size_t row_stride, size_t column_stride, bool turned, size_t matrix, float *panels), (inner, columns, weight, row_stride, column_stride, turned, matrix, panels))
// Tiles first ..< last of `out`; bias may be NULL. `scratch` holds
// (16 · ENC_WINOGRAD_TILES + 1) · (inputs + outputs + 31) + 544 floats.
KERNEL(winograd, (const enc_winograd_form *form, size_t first, size_t last, const float *x, const float *panels, const float *bias, float *out, float *scratch), (form, first, last, x, panels, bias, out, scratch))
// sums [16, inputs, outputs] = what these tiles, at least one, give for the slopes of the 16 matrices; the same scratch.
KERNEL(winograd_sums, (const enc_winograd_form *form, size_t first, size_t last, const float *x, const float *dy, float *sums, float *scratch), (form, first, last, x, dy, sums, scratch))
// The slopes of the weight [outputs, inputs, 3, 3] from those, for inputs first ..< last.
KERNEL(winograd_slopes, (size_t inputs, size_t outputs, size_t first, size_t last, const float *sums, float *dw), (inputs, outputs, first, last, sums, dw))
// [rows, columns] → [columns, rows]
KERNEL(transpose, (size_t rows, size_t columns, const float *x, float *out), (rows, columns, x, out))

// Optimisers, in place.
KERNEL(sgd, (size_t n, float *p, const float *g, float *velocity, float rate, float momentum, float decay, bool nesterov, bool first), (n, p, g, velocity, rate, momentum, decay, nesterov, first))
// `step` size and `root` correct the bias: p −= rate/(1−β1ᵗ) · m / (√v / √(1−β2ᵗ) + ε). `decay` is added to the gradient, `shrink` multiplies p before.
KERNEL(adam, (size_t n, float *p, const float *g, float *m, float *v, double beta1, double beta2, float epsilon, float step, float root, float decay, float shrink), (n, p, g, m, v, beta1, beta2, epsilon, step, root, decay, shrink))
KERNEL(adagrad, (size_t n, float *p, const float *g, float *sum, float rate, float epsilon, float decay), (n, p, g, sum, rate, epsilon, decay))
KERNEL(rmsprop, (size_t n, float *p, const float *g, float *average, float *velocity, float rate, double alpha, float epsilon, float momentum, float decay), (n, p, g, average, velocity, rate, alpha, epsilon, momentum, decay))
