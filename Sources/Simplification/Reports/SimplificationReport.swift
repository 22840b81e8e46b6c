/// What `simplify` is asked to do.
public struct SimplificationOptions: Sendable, Equatable {
    /// Names of the passes to run; nil: all.
    public var passes: [String]?
    /// Names of passes to leave out.
    public var skipping: [String]
    /// How often all passes are run at most. They stop when none changes anything.
    public var maximumRounds: Int

    /// Take initializers that are inputs too for constants. From IR 4 on a caller may replace them at run time, so by default they are none;
    /// with this they are no inputs afterwards.
    public var freezesDefaults: Bool

    /// The version of the default operator set that the model shall have, so that operators of it can be recognised; nil: that which it has. A model that
    /// would compute something else in it is refused, with the operator named, and so is a lower version.
    public var opset: Int64?

    /// Run all checks on the whole model after each pass, not only on what it changed. Slow; for tests of passes.
    var checksWholeModel = false

    public init(passes: [String]? = nil, skipping: [String] = [], maximumRounds: Int = 12, freezesDefaults: Bool = false, opset: Int64? = nil) {
        self.passes = passes
        self.skipping = skipping
        self.maximumRounds = maximumRounds
        self.freezesDefaults = freezesDefaults
        self.opset = opset
    }
}

/// What `simplify` did.
public struct SimplificationReport: Sendable, Equatable {
    /// What one pass did, over all rounds and graphs.
    public struct PassReport: Sendable, Equatable {
        public var name: String
        public var summary: String
        /// How often it found something to do.
        public var changes = 0
        /// Nodes that there are less; below 0: more.
        public var removedNodes = 0
        /// Constants that there are less; below 0: more.
        public var removedConstants = 0
        /// Bytes that all constants take less; below 0: more.
        public var removedBytes = 0
        /// The first things that it did.
        public var examples: [String] = []
        /// The first things that it could have done, and why it did not.
        public var leftAlone: [String] = []
    }

    /// In the order in which they run; those that were not to run are missing.
    public var passes: [PassReport]
    /// Nodes of all graphs and function bodies.
    public var nodesBefore: Int
    public var nodesAfter: Int
    public var rounds: Int
    /// False if the passes still found something to do in the last round.
    public var isSettled: Bool
    public var seconds: Double
}
