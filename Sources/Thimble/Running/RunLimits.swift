internal import Execution
internal import Tensors

/// How far one run of a model may go before it is given up with an error.
public struct RunLimits: Sendable {
    /// Trips of all its loops and calls of its local functions together; nil: 10 million.
    public var trips: Int?
    /// The largest tensor that a node may make, in bytes; nil: 16 GiB.
    public var tensorBytes: Int?

    public init(trips: Int? = nil, tensorBytes: Int? = nil) {
        self.trips = trips
        self.tensorBytes = tensorBytes
    }

    /// Options of a session under these limits.
    func session(threads: Int, seed: UInt64) -> Session.Options {
        var options = Session.Options(threads: threads, seed: seed)
        if let trips { options.maximumTrips = trips }
        if let tensorBytes { options.maximumTensorBytes = tensorBytes }
        return options
    }
}
