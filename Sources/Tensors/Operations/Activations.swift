import CKernels

/// A function applied to each element.
public enum Activation: String, Sendable, Codable, CaseIterable {
  /// max(0, x)
  case relu
  /// x·Φ(x), with erf.
  case gelu
  /// The hyperbolic tangent.
  case tanh
  /// 1 / (1 + e⁻ˣ)
  case sigmoid
  /// x·σ(x), also called swish.
  case silu

  fileprivate var kind: Int32 {
    switch self {
    case .relu: Int32(ENC_RELU)
    case .gelu: Int32(ENC_GELU)
    case .tanh: Int32(ENC_TANH)
    case .sigmoid: Int32(ENC_SIGMOID)
    case .silu: Int32(ENC_SILU)
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
