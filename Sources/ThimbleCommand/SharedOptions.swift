public import ArgumentParser
internal import Tensors
public import Thimble

/// What all commands take.
struct SharedOptions: ParsableArguments {
    @Flag(help: "Print one JSON document (Schemas/json.md) instead of text.")
    var json = false

    @Flag(help: "Allow external data behind symbolic and hard links, as model-hub caches keep it.")
    var followLinks = false

    @Option(help: ArgumentHelp("The most bytes that decoding a .thimble may produce.", discussion: "Default: the larger of 1 GiB and 64 times the file."))
    var maxDecoded: Count?

    @Option(help: ArgumentHelp("Give up after this time.", valueName: "seconds"))
    var timeout: Seconds?

    var open: OpenOptions { OpenOptions(followLinks: followLinks, maxDecoded: maxDecoded?.value) }
}

/// A whole number from 1 on, in plain decimal digits.
struct Count: ExpressibleByArgument {
    let value: Int

    init?(argument: String) {
        guard !argument.isEmpty, argument.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let value = Int(argument), value > 0 else { return nil }
        self.value = value
    }
}

/// A time above 0, in decimal digits with or without a fraction; at most some 30 years.
struct Seconds: ExpressibleByArgument {
    let value: Double

    init?(argument: String) {
        let parts = argument.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty && $0.allSatisfy { (0x30...0x39).contains($0) } }) else { return nil }
        guard let value = Double(argument), value > 0, value < 1e9 else { return nil }
        self.value = value
    }
}

extension GraphDrawing: ExpressibleByArgument {}
extension FileKind: ExpressibleByArgument {}
