internal import ArgumentParser
internal import Tensors
internal import Thimble

/// Where the inputs of a model come from.
struct InputOptions: ParsableArguments {
    @Option(parsing: .upToNextOption, help: ArgumentHelp("Values for the inputs.", valueName: "NPZ|DIR|name=FILE"))
    var inputs: [String] = []

    @Flag(help: "Give random values to inputs that are not given: floats in −1 to 1, integers 0 or 1.")
    var random = false

    @Option(help: "Of random values, and of operators that make some.")
    var seed: UInt64 = 0

    @Option(help: ArgumentHelp("Size of a symbolic dimension, for random values. Default: 1.", valueName: "symbol=size"))
    var dim: [SymbolSize] = []

    var isEmpty: Bool { inputs.isEmpty && !random }
    var dims: [Name: Int] { Dictionary(dim.map { ($0.symbol, $0.size) }) { $1 } }

    func validate() throws {
        if !dim.isEmpty, !random { throw ValidationError("--dim is for --random") }
    }
}

/// How far a run may go.
struct RunLimitOptions: ParsableArguments {
    @Option(help: "Give a run up after so many trips of its loops and calls of its functions. Default: 10 million.")
    var maxTrips: Count?

    @Option(help: ArgumentHelp("The largest tensor that a run may make. Default: 16 GiB.", valueName: "bytes"))
    var maxTensor: Count?

    var limits: RunLimits { RunLimits(trips: maxTrips?.value, tensorBytes: maxTensor?.value) }
}

/// `batch=8`
struct SymbolSize: ExpressibleByArgument {
    let symbol: Name
    let size: Int

    init?(argument: String) {
        let bytes = argument.utf8
        guard let split = bytes.lastIndex(of: UInt8(ascii: "=")), let size = Count(argument: String(argument[bytes.index(after: split)...])) else { return nil }
        symbol = Name(String(argument[..<split]))
        self.size = size.value
    }
}
