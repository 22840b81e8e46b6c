#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// Text of a model (names, domains, documentation): UTF-8 that is equal only if its bytes are equal.
///
/// Swift's `String` takes `é` and `e` + accent for the same text, and so would merge two tensors that ONNX keeps apart
/// (ONNX IR specification, "Names Within a Graph"). May hold any scalar, NUL included.
public struct Name: Sendable {
    public let text: String

    public init(_ text: String) {
        self.text = text
    }

    /// Nil if the bytes are not UTF-8: nothing is ever replaced by U+FFFD.
    public init?(utf8 bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        self.text = text
    }

    /// Nil if the bytes are not UTF-8.
    public init?(utf8 bytes: UnsafeRawBufferPointer) {
        // Nearly all names are ASCII. Where they are not, the library's check asks the runtime for types, each time.
        if unsafe Self.isASCII(bytes) {
            text = unsafe String(decoding: bytes.assumingMemoryBound(to: UInt8.self), as: UTF8.self)
            return
        }
        guard let text = unsafe String(validating: bytes, as: UTF8.self) else { return nil }
        self.text = text
    }

    private static func isASCII(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        var high: UInt64 = 0
        var index = 0
        while index + 8 <= bytes.count {
            unsafe high |= base.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            index += 8
        }
        while index < bytes.count {
            unsafe high |= UInt64(base.load(fromByteOffset: index, as: UInt8.self))
            index += 1
        }
        return high & 0x8080_8080_8080_8080 == 0
    }

    public var isEmpty: Bool { text.isEmpty }
    /// Length in bytes.
    public var byteCount: Int { text.utf8.count }
    public var bytes: [UInt8] { Array(text.utf8) }

    /// Lends the bytes.
    @inlinable public func withBytes<R>(_ body: (UnsafeBufferPointer<UInt8>) throws -> R) rethrows -> R {
        if let result = try unsafe text.utf8.withContiguousStorageIfAvailable(body) { return result }
        return try unsafe Array(text.utf8).withUnsafeBufferPointer(body)
    }
}

extension Name: Hashable {
    public static func == (a: Name, b: Name) -> Bool {
        guard a.text.utf8.count == b.text.utf8.count else { return false }
        return unsafe a.withBytes { x in
            unsafe b.withBytes { y in
                guard let x = x.baseAddress, let y = y.baseAddress else { return true }
                return unsafe memcmp(x, y, a.text.utf8.count) == 0
            }
        }
    }

    public func hash(into hasher: inout Hasher) {
        unsafe withBytes { bytes in unsafe hasher.combine(bytes: UnsafeRawBufferPointer(bytes)) }
        hasher.combine(0xff as UInt8)
    }
}

extension Name {
    /// Eight bytes at a time are multiplied into the state, whose halves are folded. Who keeps `secret` to himself need not fear names that were
    /// chosen for their hashes.
    package func hash(_ secret: NameSecret) -> UInt64 {
        unsafe withBytes { bytes in
            let raw = UnsafeRawBufferPointer(bytes)
            var state = secret.seed ^ UInt64(bytes.count), position = 0
            while position + 8 <= bytes.count {
                state = secret.mix(state, unsafe raw.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                position += 8
            }
            var last: UInt64 = 0
            while position < bytes.count {
                last = last << 8 | UInt64(unsafe bytes[position])
                position += 1
            }
            return secret.mix(state, last)
        }
    }
}

/// What keeps hashes of names from being foreseen: another one in each process.
package struct NameSecret: Sendable {
    fileprivate let seed = UInt64.random(in: .min ... .max)
    /// Odd, so that no word is lost.
    private let multiplier = UInt64.random(in: .min ... .max) | 1

    package static let shared = NameSecret()

    fileprivate func mix(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let (high, low) = (state ^ word).multipliedFullWidth(by: multiplier)
        return high ^ low
    }
}

extension Name: Comparable {
    /// By bytes.
    public static func < (a: Name, b: Name) -> Bool { a.order(to: b) < 0 }

    /// Below 0 if it comes before `other`, 0 if they are equal.
    package func order(to other: Name) -> Int {
        unsafe withBytes { x in
            unsafe other.withBytes { y in
                let shared = min(x.count, y.count)
                if shared > 0, let a = x.baseAddress, let b = y.baseAddress, case let order = unsafe memcmp(a, b, shared), order != 0 { return Int(order) }
                return x.count - y.count
            }
        }
    }
}

extension Name: ExpressibleByStringLiteral, CustomStringConvertible {
    public init(stringLiteral value: String) {
        self.init(value)
    }

    /// Escaped for people; `text` has the exact content.
    public var description: String { printable(text) }
}

/// One entry of ONNX's metadata (`StringStringEntryProto`); nil means that the field was not set.
public struct KeyValue: Hashable, Sendable {
    public var key: Name?
    public var value: Name?
    /// Protobuf bytes of fields that this version does not know, in source order.
    public var unknownFields: [UInt8]

    public init(key: Name?, value: Name?, unknownFields: [UInt8] = []) {
        self.key = key
        self.value = value
        self.unknownFields = unknownFields
    }
}
