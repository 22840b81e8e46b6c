internal import ModelGraph
internal import Tensors

/// Operators of the default domain that passes know by name; what they mean follows from `EditedNode.opset`.
enum OperatorKind: String, CaseIterable {
    case abs = "Abs", add = "Add", and = "And", argMax = "ArgMax", attention = "Attention", averagePool = "AveragePool", batchNormalization = "BatchNormalization"
    case cast = "Cast", castLike = "CastLike", ceil = "Ceil", clip = "Clip", concat = "Concat", constant = "Constant"
    case constantOfShape = "ConstantOfShape", conv = "Conv", convTranspose = "ConvTranspose", dequantizeLinear = "DequantizeLinear"
    case div = "Div", dropout = "Dropout", elu = "Elu", equal = "Equal", erf = "Erf", exp = "Exp", expand = "Expand", flatten = "Flatten", hardmax = "Hardmax", floor = "Floor"
    case gather = "Gather", gelu = "Gelu", gemm = "Gemm", globalAveragePool = "GlobalAveragePool", globalMaxPool = "GlobalMaxPool"
    case greater = "Greater", gru = "GRU", hardSigmoid = "HardSigmoid", hardSwish = "HardSwish", identity = "Identity", ifElse = "If"
    case layerNormalization = "LayerNormalization", leakyRelu = "LeakyRelu", less = "Less", log = "Log", loop = "Loop", lstm = "LSTM", matMul = "MatMul"
    case max = "Max", maxPool = "MaxPool", mean = "Mean", min = "Min", mish = "Mish", mul = "Mul", neg = "Neg", not = "Not", or = "Or", pad = "Pad", pow = "Pow"
    case prelu = "PRelu", quantizeLinear = "QuantizeLinear", range = "Range", reciprocal = "Reciprocal", reduceL1 = "ReduceL1", reduceL2 = "ReduceL2", reduceLogSum = "ReduceLogSum"
    case reduceLogSumExp = "ReduceLogSumExp", reduceSumSquare = "ReduceSumSquare", logSoftmax = "LogSoftmax", reduceMax = "ReduceMax"
    case reduceMean = "ReduceMean", reduceMin = "ReduceMin", reduceProd = "ReduceProd", reduceSum = "ReduceSum", relu = "Relu", reshape = "Reshape"
    case resize = "Resize", rmsNormalization = "RMSNormalization", rnn = "RNN", round = "Round", scan = "Scan", scatterND = "ScatterND", selu = "Selu"
    case shape = "Shape", sigmoid = "Sigmoid", sign = "Sign", size = "Size", slice = "Slice", softmax = "Softmax", softplus = "Softplus", softsign = "Softsign"
    case split = "Split", sqrt = "Sqrt", squeeze = "Squeeze", sub = "Sub", sum = "Sum", swish = "Swish", tanh = "Tanh", tile = "Tile", topK = "TopK"
    case transpose = "Transpose", unsqueeze = "Unsqueeze", upsample = "Upsample", `where` = "Where"
    case randomNormal = "RandomNormal", randomNormalLike = "RandomNormalLike", randomUniform = "RandomUniform", randomUniformLike = "RandomUniformLike"
    case multinomial = "Multinomial", bernoulli = "Bernoulli"
    /// Any other operator, a call of a function, or a node that must stay as it is: a wall.
    case other = ""

    static let byName: [Name: OperatorKind] = Dictionary(uniqueKeysWithValues: allCases.dropLast().map { (Name($0.rawValue), $0) })

    var name: Name { Name(rawValue) }

    /// Two runs may give two results.
    var isRandom: Bool {
        switch self {
        case .randomNormal, .randomNormalLike, .randomUniform, .randomUniformLike, .multinomial, .bernoulli: true
        default: false
        }
    }
}
