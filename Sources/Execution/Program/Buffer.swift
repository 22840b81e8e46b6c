internal import Tensors

/// Number of a buffer within its program.
typealias BufferID = Int

/// A piece of memory that steps of a program read and write. Where it lies is fixed when the program is made, but for values
/// that come from outside.
struct Buffer: Sendable {
    enum Home: Sendable {
        /// In the arena, from this byte on.
        case arena(Int)
        /// Memory of its own in each run, because it leaves the program or a generic kernel may keep it.
        case fresh
        /// Bytes that are the same in each run; they have an address.
        case constant(TensorBytes)
        /// Whatever a caller or a generic kernel gives; kernels see its bytes if `isTouched`.
        case given
        /// Bytes of another buffer, from this one on.
        case part(of: BufferID, offset: Int)
    }

    var home: Home
    /// As it lies in memory: a FLOAT16 value that is computed with as binary32 is FLOAT here.
    let elementType: ElementType
    /// As they lie in memory: channels last where the value is kept so.
    let dims: [Int]
    let byteCount: Int
    /// A kernel reads or writes its bytes.
    var isTouched = false
}
