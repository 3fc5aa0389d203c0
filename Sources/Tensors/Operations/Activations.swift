import CKernels

/// A function applied to each element.
public enum Activation: String, Sendable, Codable, CaseIterable {
  /// max(0, x)
  case relu
  /// x·Φ(x), with erf.
  case gelu
  /// GELU's approximation with tanh: x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))).
  case geluTanh = "gelu_tanh"
  /// The hyperbolic tangent.
  case tanh
  /// 1 / (1 + e⁻ˣ)
  case sigmoid
  /// x·σ(x), also called swish.
  case silu

  var kind: Int32 {
    switch self {
    case .relu: Int32(ENC_RELU)
    case .gelu: Int32(ENC_GELU)
    case .tanh: Int32(ENC_TANH)
    case .sigmoid: Int32(ENC_SIGMOID)
    case .silu: Int32(ENC_SILU)
    case .geluTanh: Int32(ENC_GELU_TANH)
    }
  }
}

extension Tensor {
  /// The activation of each element.
  public func activated(_ activation: Activation) -> Tensor {
    let kind = activation.kind
    let (x, y) = (detached, elementwise { enc_activation(kind, $0.count, pointer + $0.lowerBound, $1 + $0.lowerBound) })
    return y.recorded([self]) { dy in
      let out = y.elementwise {
        let at = $0.lowerBound
        enc_activation_backward(kind, $0.count, x.pointer + at, y.pointer + at, dy.pointer + at, $1 + at)
      }
      return [out]
    }
  }

  /// A gated linear unit's product: rows `[…, 2 · width]` give f(gate) · up `[…, width]`, the gate being the first or the second half.
  /// Source: Shazeer 2020.
  public func gated(_ activation: Activation, gateFirst: Bool) -> Tensor {
    let (half, rows, kind) = (width / 2, self.rows, activation.kind)
    precondition(width == 2 * half, "gated: the width of \(shape) is odd")
    let (gate, up, size) = (gateFirst ? 0 : half, gateFirst ? half : 0, max(1, (1 << 14) / max(1, width)))
    let (x, out) = (detached, Tensor(uninitialized: shape.dropLast() + [half]))
    Workers.run(rows, by: size) {
      let first = $0.lowerBound
      enc_gated(kind, $0.count, half, gate, up, x.pointer + first * 2 * half, out.pointer + first * half)
    }
    return out.recorded([self]) { dy in
      let dx = Tensor(uninitialized: x.shape)
      Workers.run(rows, by: size) {
        let at = $0.lowerBound * half
        enc_gated_backward(
          kind, $0.count, half, gate, up, x.pointer + 2 * at, dy.pointer + at, dx.pointer + 2 * at)
      }
      return [dx]
    }
  }

  /// In training: each element is zero with probability `rate`, else divided by 1 − rate. Otherwise unchanged.
  /// Source: Srivastava et al. 2014.
  public func dropout(_ rate: Float) -> Tensor {
    precondition(rate >= 0 && rate < 1, "dropout: expected a rate in [0, 1), found \(rate)")
    guard rate > 0, case .training(let streams) = Mode.current else { return self }
    return dropout(rate, streams.next())
  }

  private func dropout(_ rate: Float, _ random: Random) -> Tensor {
    let out = elementwise {
      let at = $0.lowerBound
      enc_dropout($0.count, pointer + at, 1 - rate, random.seed, random.stream, UInt64(at), $1 + at)
    }
    return out.recorded([self]) { [$0.dropout(rate, random)] }
  }
}
