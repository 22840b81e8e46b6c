internal import Tensors

/// How nodes of one operator become steps of fast kernels.
protocol Lowering: SendableMetatype {
    /// Operators that it takes: "Conv", "com.microsoft:FusedConv".
    static var operators: [String] { get }
    /// False, with nothing emitted, if this node does not suit the kernels: unknown dims, other element types, rare attributes.
    /// It then stays a generic step.
    static func lower(_ item: Item, _ compiler: Compiler) throws -> Bool
}

enum Lowerings {
    static let all: [any Lowering.Type] = [
        AttentionOperatorLowering.self,
        ConcatLowering.self,
        ConvolutionLowering.self,
        DepthLowering.self,
        DynamicQuantizationLowering.self,
        GatherLowering.self,
        InstanceNormalizationLowering.self,
        LayerNormalizationLowering.self,
        MatMulIntegerLowering.self,
        MatMulLowering.self,
        MatMulNBitsLowering.self,
        PadLowering.self,
        PoolingLowering.self,
        QuantizedLowering.self,
        RecurrentLowering.self,
        RelabelLowering.self,
        RepeatLowering.self,
        ResizeLowering.self,
        RowsLowering.self,
        ScatterLowering.self,
        SliceLowering.self,
        TransposeLowering.self,
    ]

    /// That of an operator, found one by one: a model has few operators, each is looked up once, and a dictionary takes longer to make than to search all
    /// of these.
    static func find(_ name: String) -> (any Lowering.Type)? { all.first { $0.operators.contains(name) } }
}

/// A step whose result another one may change while it is still near.
protocol EpilogueHost: Step {
    /// Where it writes.
    var result: BufferID { get }
    /// Nil if it has one already.
    func adding(_ epilogue: ElementwiseEpilogue, result: BufferID) -> (any Step)?
}
