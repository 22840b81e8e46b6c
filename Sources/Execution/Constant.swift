internal import Operators
package import Tensors

/// A named constant of a graph. Made ready when it is first read: plain values then lie aligned in memory or in the mapped
/// file; encoded ones stay encoded: kernels take the codes, other nodes decode what they read.
final class Constant: @unchecked Sendable {
    /// What the constants of one plan have in common.
    final class Owner: @unchecked Sendable {
        /// That a sparse one may take when it is made dense.
        let maximumBytes: Int
        /// One for all: each is made ready once only.
        let lock = Lock()
        /// How many there are; only planning adds to them.
        fileprivate(set) var count = 0

        init(maximumBytes: Int) {
            self.maximumBytes = maximumBytes
        }
    }

    /// As the model has it, its bytes perhaps not aligned; of a sparse one type and dims of the whole, and no bytes. What flows through a graph is known
    /// by its edge: names and notes stay behind.
    let tensor: Tensor
    /// Behind a pointer: there are few.
    private indirect enum Sparse { case tensor(SparseTensor) }
    private let sparse: Sparse?
    let owner: Owner
    /// Among those of its owner.
    let number: Int
    private var ready: Value?

    convenience init(_ elementType: ElementType, dims: [Int], encoding: Encoding, _ owner: Owner) {
        self.init(Tensor(elementType, dims: dims, encoding: encoding), nil, owner)
    }

    convenience init(_ sparse: SparseTensor, _ owner: Owner) {
        self.init(Tensor(sparse.values?.elementType ?? .undefined, dims: sparse.dims, bytes: .empty), .tensor(sparse), owner)
    }

    private init(_ tensor: Tensor, _ sparse: Sparse?, _ owner: Owner) {
        self.tensor = tensor
        self.sparse = sparse
        self.owner = owner
        number = owner.count
        owner.count += 1
    }

    var isSparse: Bool { sparse != nil }

    /// Its type and dims and, of a small one, its value, without making it ready.
    var fact: Fact {
        get throws {
            guard !isSparse, let count = tensor.elementCount, count <= Fact.integerLimit else {
                return Fact(tensor.elementType == .undefined ? nil : tensor.elementType, fixed: tensor.dims)
            }
            try tensor.checkEncoding()
            return Fact(constant: tensor)
        }
    }

    /// True if it is a tensor whose values are not plain.
    var isEncoded: Bool {
        if case .plain = tensor.encoding { false } else { true }
    }

    var value: Value {
        get throws {
            owner.lock.lock()
            defer { owner.lock.unlock() }
            if let ready { return ready }
            let value = if case .tensor(let sparse)? = sparse {
                Value.tensor(try sparse.dense(maximumBytes: owner.maximumBytes).withoutNotes())
            } else {
                Value.tensor(try tensor.readyToRun())
            }
            ready = value
            return value
        }
    }
}

extension Value {
    /// The same with all plain tensors where kernels can read them without a copy: what runs many times is best made ready once.
    package func readyToRun() throws -> Value {
        switch self {
        case .tensor(let tensor): .tensor(try tensor.readyToRun())
        case .sequence(let values): .sequence(try values.map { try $0.readyToRun() })
        case .optional(let value): .optional(try value?.readyToRun())
        case .map(let entries): .map(entries)
        }
    }
}

extension Tensor {
    /// What flows through a graph is known by its edge: names and notes stay behind. Throws if the values are not what dims and type ask for.
    func withoutNotes() throws -> Tensor {
        try checkEncoding()
        return Tensor(elementType, dims: dims, encoding: encoding)
    }

    /// The same values; plain ones lie aligned afterwards. Throws if the bytes are not what dims and type ask for.
    func readyToRun() throws -> Tensor {
        try checkEncoding()
        guard case .plain(let bytes) = encoding, !bytes.isAligned(to: elementType.storageWidth) else { return self }
        let memory = try OwnedMemory(byteCount: bytes.count)
        if bytes.count > 0 { try unsafe bytes.read(0..<bytes.count, into: memory.bytes) }
        var copy = self
        copy.encoding = .plain(TensorBytes(memory))
        return copy
    }
}

extension TensorBytes {
    fileprivate func isAligned(to width: Int) -> Bool {
        switch place {
        // Both begin at a page or a cache line.
        case .memory(_, let offset), .mapped(_, let offset): offset % width == 0
        case .owned, .decoded: false
        }
    }
}
