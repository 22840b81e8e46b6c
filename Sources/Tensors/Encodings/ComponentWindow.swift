/// Looks into a component of an encoding (scales, zero points) through a window that moves forward with its user, so that a
/// large component is never in memory whole. For one thread.
@safe
final class ComponentWindow {
    private let type: ElementType
    private let bytes: TensorBytes
    private let count: Int
    private var start = 0
    private var values: [Float] = []
    private static let length = 4096

    /// `tensor` has elements that are read as floats, or small integers.
    init(_ tensor: Tensor) throws {
        type = tensor.elementType
        bytes = try tensor.plainBytes()
        count = tensor.elementCount ?? 0
    }

    /// Element `index` of `0..<count`.
    func value(_ index: Int) throws -> Float {
        if index < start || index >= start + values.count { try move(to: index) }
        return values[index - start]
    }

    private func move(to index: Int) throws {
        precondition(index >= 0 && index < count, "a component that has fewer elements than its grid")
        start = index
        let length = min(Self.length, count - index)
        values = [Float](repeating: 0, count: length)
        let width = type.storageWidth
        try unsafe bytes.slice(index * width..<(index + length) * width).withUnsafeBytes { raw in
            switch type {
            case .uint8: for i in 0..<length { values[i] = unsafe Float(raw[i]) }
            case .int8: for i in 0..<length { values[i] = unsafe Float(Int8(bitPattern: raw[i])) }
            case .uint16, .int16:
                for i in 0..<length {
                    let word = unsafe UInt16(littleEndian: raw.loadUnaligned(fromByteOffset: i * 2, as: UInt16.self))
                    values[i] = type == .uint16 ? Float(word) : Float(Int16(bitPattern: word))
                }
            default: unsafe values.withUnsafeMutableBufferPointer { unsafe FloatConversion.toFloat(raw, type, into: $0) }
            }
        }
    }
}
