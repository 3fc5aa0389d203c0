import COneDNN
import CKernels
import Synchronization

/// oneDNN's engine and its primitives, which run single-threaded inside our chunks.
enum OneDNN {
  nonisolated(unsafe) static let engine: dnnl_engine_t = {  // created once, then read only
    var engine: dnnl_engine_t?
    check(dnnl_engine_create(&engine, dnnl_cpu, 0), "engine")
    return engine.unsafelyUnwrapped
  }()
  nonisolated(unsafe) static let stream: dnnl_stream_t = {  // holds no state on a CPU
    var stream: dnnl_stream_t?
    check(dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)), "stream")
    return stream.unsafelyUnwrapped
  }()

  static func check(_ status: dnnl_status_t, _ what: String) {
    precondition(status == dnnl_success, "oneDNN \(what): status \(status.rawValue)")
  }

  /// Primitives by what they compute: making one takes 0.1 to 0.5 ms.
  private static let cache = Mutex<[[Int]: Primitive]>([:])

  /// The primitive for a key, made at its first use.
  static func primitive(_ key: [Int], _ make: () -> Primitive) -> Primitive {
    if let found = cache.withLock({ $0[key] }) { return found }
    let made = Workers.alone(make)
    cache.withLock {
      if $0.count > 8192 { $0.removeAll() }
      $0[key] = made
    }
    return made
  }

  /// A dense matrix or array in row-major order, or any layout that oneDNN prefers.
  static func description(
    _ shape: [Int], strides: [Int]? = nil, any: Bool = false
  ) -> dnnl_memory_desc_t {
    var description = dnnl_memory_desc_t()
    let sizes = shape.map { dnnl_dim_t($0) }
    if any {
      check(
        dnnl_memory_desc_init_by_tag(&description, Int32(shape.count), sizes, dnnl_f32, dnnl_format_tag_any),
        "layout \(shape)")
    } else {
      let steps = (strides ?? rowMajorStrides(shape)).map { dnnl_dim_t($0) }
      check(
        dnnl_memory_desc_init_by_strides(&description, Int32(shape.count), sizes, dnnl_f32, steps), "layout \(shape)")
    }
    return description
  }

  private static func rowMajorStrides(_ shape: [Int]) -> [Int] {
    var step = 1
    return shape.reversed().map { size in
      defer { step *= size }
      return step
    }.reversed()
  }

  /// Copies from one layout into another.
  static func reorder(
    _ from: dnnl_memory_desc_t, _ source: UnsafeMutableRawPointer, _ to: dnnl_memory_desc_t,
    _ target: UnsafeMutableRawPointer
  ) {
    Workers.alone {
      var from = from
      var to = to
      var description: dnnl_primitive_desc_t?
      check(dnnl_reorder_primitive_desc_create(&description, &from, engine, &to, engine, nil), "reorder")
      var primitive: dnnl_primitive_t?
      check(dnnl_primitive_create(&primitive, description), "reorder")
      dnnl_primitive_desc_destroy(description)
      defer { dnnl_primitive_destroy(primitive) }
      withMemory(&from, source) { a in
        withMemory(&to, target) { b in
          let arguments = [
            dnnl_exec_arg_t(arg: DNNL_ARG_FROM, memory: a), dnnl_exec_arg_t(arg: DNNL_ARG_TO, memory: b),
          ]
          check(dnnl_primitive_execute(primitive, stream, 2, arguments), "reorder")
        }
      }
    }
  }

  private static func withMemory(
    _ description: inout dnnl_memory_desc_t, _ pointer: UnsafeMutableRawPointer, _ body: (dnnl_memory_t?) -> Void
  ) {
    var memory: dnnl_memory_t?
    check(dnnl_memory_create(&memory, &description, engine, pointer), "memory")
    body(memory)
    dnnl_memory_destroy(memory)
  }
}

/// One oneDNN computation for fixed shapes. Thread-safe: its scratch memory belongs to the thread that runs it.
final class Primitive: @unchecked Sendable {  // immutable after init
  private let description: dnnl_primitive_desc_t
  private let primitive: dnnl_primitive_t
  private let scratchBytes: Int

  /// From an operation descriptor (`dnnl_matmul_desc_t`, …); `hint` is the forward primitive of a backward one.
  init(_ operation: UnsafeRawPointer, hint: Primitive? = nil, _ what: String) {
    var attributes: dnnl_primitive_attr_t?
    OneDNN.check(dnnl_primitive_attr_create(&attributes), what)
    defer { dnnl_primitive_attr_destroy(attributes) }
    OneDNN.check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), what)
    var description: dnnl_primitive_desc_t?
    OneDNN.check(
      dnnl_primitive_desc_create(&description, operation, attributes, OneDNN.engine, hint?.description), what)
    var primitive: dnnl_primitive_t?
    OneDNN.check(dnnl_primitive_create(&primitive, description), what)
    self.description = description.unsafelyUnwrapped
    self.primitive = primitive.unsafelyUnwrapped
    scratchBytes = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0))
  }

  deinit {
    dnnl_primitive_destroy(primitive)
    dnnl_primitive_desc_destroy(description)
  }

  /// The layout that this primitive wants for an argument, as `dnnl_query_weights_md`.
  func layout(_ query: dnnl_query_t, _ index: Int32 = 0) -> dnnl_memory_desc_t {
    dnnl_primitive_desc_query_md(description, query, index).pointee
  }

  /// An argument: which one it is, where its layout stands in the descriptor, and its memory.
  struct Argument {
    let id: Int32
    let query: dnnl_query_t
    let index: Int32
    let pointer: UnsafeMutableRawPointer

    init(_ id: Int32, _ query: dnnl_query_t, _ pointer: UnsafePointer<Float>, index: Int32 = 0) {
      self.id = id
      self.query = query
      self.index = index
      self.pointer = UnsafeMutableRawPointer(mutating: pointer)
    }
    static func source(_ p: UnsafePointer<Float>) -> Argument { Argument(DNNL_ARG_SRC, dnnl_query_src_md, p) }
    static func weights(_ p: UnsafePointer<Float>) -> Argument { Argument(DNNL_ARG_WEIGHTS, dnnl_query_weights_md, p) }
    static func bias(_ p: UnsafePointer<Float>) -> Argument {
      Argument(DNNL_ARG_BIAS, dnnl_query_weights_md, p, index: 1)
    }
    static func target(_ p: UnsafePointer<Float>) -> Argument { Argument(DNNL_ARG_DST, dnnl_query_dst_md, p) }
  }

  /// Computes on the calling thread.
  func run(_ arguments: Argument...) {
    withUnsafeTemporaryAllocation(of: dnnl_exec_arg_t.self, capacity: arguments.count + 1) { list in
      func memory(_ layout: UnsafePointer<dnnl_memory_desc_t>?, _ pointer: UnsafeMutableRawPointer) -> dnnl_memory_t? {
        var memory: dnnl_memory_t?
        OneDNN.check(dnnl_memory_create(&memory, layout, OneDNN.engine, pointer), "memory")
        return memory
      }
      for (place, argument) in arguments.enumerated() {
        let layout = dnnl_primitive_desc_query_md(description, argument.query, argument.index)
        list[place] = dnnl_exec_arg_t(arg: argument.id, memory: memory(layout, argument.pointer))
      }
      var count = arguments.count
      if scratchBytes > 0, let scratch = enc_scratch(Int32(ENC_SCRATCH_ONEDNN), scratchBytes) {
        let layout = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0)
        list[count] = dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: memory(layout, scratch))
        count += 1
      }
      OneDNN.check(dnnl_primitive_execute(primitive, OneDNN.stream, Int32(count), list.baseAddress), "execute")
      for place in 0..<count { dnnl_memory_destroy(list[place].memory) }
    }
  }
}
