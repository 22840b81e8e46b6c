/// A Swift type that elements of tensors have in memory. BOOL is `UInt8` (0 is false); the small floats are their bit patterns.
public protocol Element: BitwiseCopyable, Hashable, Sendable {}

extension Float: Element {}
extension Double: Element {}
extension Int8: Element {}
extension Int16: Element {}
extension Int32: Element {}
extension Int64: Element {}
extension UInt8: Element {}
extension UInt16: Element {}
extension UInt32: Element {}
extension UInt64: Element {}

/// A tensor's elements as values of one type, read-only. In place where they lie aligned in memory, else a copy; an index is
/// checked at each use, as with an array.
///
/// Everything that loops use is inlinable, and public, as other modules inline nothing else: the standard library's general ways of a collection, and
/// calls that are not made for their type, cost many times as much per element.
@safe
public struct Elements<T: Element>: RandomAccessCollection, Sendable {
    /// What must live as long.
    fileprivate enum Owner: Sendable {
        case memory(OwnedMemory)
        case file(MappedFile)
    }

    private let owner: Owner
    @usableFromInline nonisolated(unsafe) let base: UnsafePointer<T>
    public let count: Int

    /// Fails if the byte count is no multiple of the element's size, or if the bytes cannot be decoded.
    public init(_ bytes: TensorBytes) throws {
        guard bytes.count % MemoryLayout<T>.stride == 0 else {
            throw ModelError(.internalFault, "\(bytes.count) bytes are no whole number of elements of \(MemoryLayout<T>.stride) bytes")
        }
        count = bytes.count / MemoryLayout<T>.stride
        if let (owner, address) = unsafe Self.inPlace(bytes), Int(bitPattern: address) % MemoryLayout<T>.alignment == 0 {
            self.owner = owner
            unsafe base = address.assumingMemoryBound(to: T.self)
        } else {
            let copy = try OwnedMemory(byteCount: bytes.count)
            try unsafe bytes.withUnsafeBytes { unsafe copy.bytes.copyMemory(from: $0) }
            owner = .memory(copy)
            // posix_memalign gave it a base.
            unsafe base = UnsafePointer(copy.bytes.baseAddress!.assumingMemoryBound(to: T.self))
        }
    }

    private static func inPlace(_ bytes: TensorBytes) -> (Owner, UnsafeRawPointer)? {
        switch bytes.place {
        case .memory(let memory, let offset): return unsafe (.memory(memory), UnsafeRawPointer(memory.bytes.baseAddress! + offset))
        case .mapped(let file, let offset):
            guard bytes.count > 0, let address = unsafe file.pointer(offset..<offset + bytes.count).baseAddress else { return nil }
            return unsafe (.file(file), address)
        case .owned, .decoded: return nil
        }
    }

    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { count }
    @inlinable public var indices: Range<Int> { 0..<count }
    @inlinable public func index(after index: Int) -> Int { index + 1 }
    @inlinable public func index(before index: Int) -> Int { index - 1 }
    @inlinable public func index(_ index: Int, offsetBy distance: Int) -> Int { index + distance }
    @inlinable public func distance(from start: Int, to end: Int) -> Int { end - start }
    @inlinable public func makeIterator() -> Iterator { Iterator(self) }

    @inlinable public subscript(index: Int) -> T {
        precondition(index >= 0 && index < count, "an element outside its tensor")
        return unsafe base[index]
    }

    /// The same in an array of its own.
    @inlinable public var array: [T] {
        unsafe [T](unsafeUninitializedCapacity: count) { target, filled in
            _ = unsafe target.initialize(from: UnsafeBufferPointer(start: base, count: count))
            filled = count
        }
    }

    /// What `convert` makes of each.
    @inlinable public func array<R>(_ convert: (T) -> R) -> [R] {
        var result: [R] = []
        result.reserveCapacity(count)
        for index in 0..<count { result.append(convert(unsafe base[index])) }
        return result
    }

    /// For C and for loops whose bounds were checked before.
    @inlinable public func withUnsafeBuffer<R>(_ body: (UnsafeBufferPointer<T>) throws -> R) rethrows -> R {
        try unsafe body(UnsafeBufferPointer(start: base, count: count))
    }

    @inlinable public func withContiguousStorageIfAvailable<R>(_ body: (UnsafeBufferPointer<T>) throws -> R) rethrows -> R? {
        try unsafe withUnsafeBuffer(body)
    }

    @safe
    public struct Iterator: IteratorProtocol {
        @usableFromInline let elements: Elements<T>
        @usableFromInline var position = 0

        @inlinable init(_ elements: Elements<T>) { self.elements = elements }

        @inlinable public mutating func next() -> T? {
            guard position < elements.count else { return nil }
            defer { position += 1 }
            return unsafe elements.base[position]
        }
    }
}

/// Elements of a tensor that is being made. Not cleared: every element must be written.
@safe
public final class NewElements<T: Element>: @unchecked Sendable {
    package let memory: OwnedMemory
    public let count: Int
    @usableFromInline let base: UnsafeMutablePointer<T>

    public init(_ count: Int) throws {
        guard let size = checkedMultiply(count, MemoryLayout<T>.stride), count >= 0 else {
            throw ModelError(.limit, "there is no memory for \(count) elements")
        }
        self.count = count
        memory = try OwnedMemory(byteCount: size)
        // posix_memalign gave it a base.
        unsafe base = memory.bytes.baseAddress!.bindMemory(to: T.self, capacity: count)
    }

    /// In memory that has room for `count` of them, aligned as `OwnedMemory` is.
    package init(_ memory: OwnedMemory, _ count: Int) {
        unsafe precondition(count >= 0 && memory.bytes.count == count * MemoryLayout<T>.stride, "memory of another size")
        self.memory = memory
        self.count = count
        // All memory has a base.
        unsafe base = memory.bytes.baseAddress!.bindMemory(to: T.self, capacity: count)
    }

    /// All elements equal to `value`.
    public convenience init(_ count: Int, filledWith value: T) throws {
        try self.init(count)
        unsafe base.update(repeating: value, count: count)
    }

    public convenience init(_ values: [T]) throws {
        try self.init(values.count)
        unsafe values.withUnsafeBufferPointer { values in if let source = values.baseAddress { unsafe base.update(from: source, count: count) } }
    }

    public subscript(index: Int) -> T {
        @inlinable get {
            precondition(index >= 0 && index < count, "an element outside its tensor")
            return unsafe base[index]
        }
        @inlinable set {
            precondition(index >= 0 && index < count, "an element outside its tensor")
            unsafe base[index] = newValue
        }
    }

    /// For C and for loops whose bounds were checked before.
    @inlinable public func withUnsafeBuffer<R>(_ body: (UnsafeMutableBufferPointer<T>) throws -> R) rethrows -> R {
        try unsafe body(UnsafeMutableBufferPointer(start: base, count: count))
    }

    /// The finished tensor; nothing may be written afterwards.
    public func tensor(_ elementType: ElementType, _ dims: [Int]) -> Tensor {
        unsafe precondition(elementType.byteCount(elements: Tensors.elementCount(of: dims) ?? -1) == memory.bytes.count, "elements that do not fit their dims")
        return Tensor(elementType, dims: dims, bytes: TensorBytes(memory))
    }
}
