internal import CKernels
internal import Operators
internal import Tensors

enum Elementwise {
    static func suits(_ item: Item, _ unfolding: Unfolding) -> Bool { false }
}

struct ElementwiseEpilogue {}

extension Compiler {
    func lowerElementwise(_ members: [Int], root: Int) throws -> Bool { false }
}
