package import Tensors

/// Tensors and sparse tensors by themselves: data types, dims, names of initializers.
struct TensorCheck: FindingVisitor {
    var findings: FindingList

    init(_ findings: FindingList) { self.findings = findings }

    mutating func visit(_ tensor: Tensor, at place: Place) {
        guard !findings.isFull else { return }
        if case .initializer? = place.steps.last, tensor.name?.isEmpty ?? true {
            findings.error(place, "an initializer needs a name, or no node can read it; export the model again")
        }
        if let problem = tensor.elementType.problem { findings.error(place, problem) }
        if tensor.elementCount == nil {
            findings.error(place, "dims \(dimsText(tensor.dims)) hold a negative number or more than 2^48 elements, the limit")
        }
    }

    mutating func visit(_ sparse: SparseTensor, at place: Place) {
        guard !findings.isFull else { return }
        if case .sparseInitializer? = place.steps.last, sparse.values?.name?.isEmpty ?? true {
            findings.error(place, "a sparse_initializer needs a name, that of its values, or no node can read it; export the model again")
        }
        if let problem = sparse.problem { findings.error(place, problem) }
    }
}

extension ElementType {
    /// What is wrong with this type for a tensor, if anything.
    package var problem: String? {
        if self == .undefined { return "data type 0 (UNDEFINED) is no type for values, one of 1 to \(Self.allKnown.count) is expected; export the model again" }
        return isKnown ? nil : "unknown data type \(rawValue); this version knows 1 to \(Self.allKnown.count); a newer Thimble may know it"
    }
}

/// A few dims in words; a hostile tensor has millions.
package func dimsText(_ dims: [Int]) -> String {
    dims.count <= 8 ? "\(dims)" : "[" + dims.prefix(8).map(String.init).joined(separator: ", ") + ", … (\(dims.count) dims)]"
}
