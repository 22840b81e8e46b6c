internal import ModelGraph
internal import Tensors

/// By which method the range of each value is found.
struct RangePlan {
    var standard: ActivationOptions.Range
    /// Values with one of their own.
    var special: [Name: ActivationOptions.Range] = [:]

    subscript(name: Name) -> ActivationOptions.Range { special[name] ?? standard }
}

/// Looks for values that a method other than that of all others serves better: one whose few large numbers matter, or matter not at all. Takes those values whose
/// codes lose most, and measures each method at the model's outputs.
struct RangeRefinement {
    let assembly: ActivationAssembly
    let noise: OutputNoise
    let progress: @Sendable (String) -> Void

    private static let mostValues = 10
    private static let samplesOfARun = 6
    private static let methods: [ActivationOptions.Range] = [.minmax, .percentile(99.9), .percentile(99.99), .percentile(99.999), .mse, .entropy]
    /// Decibels from which on it is not worth the time.
    private static let goodEnough = 40.0

    /// A plan that is no worse, and its noise. `except`: first outputs of products that stay floats.
    func run(_ plan: RangePlan, except: Set<Name> = [], noise before: Double) throws -> (plan: RangePlan, noise: Double) {
        guard OutputNoise.decibels(before) < Self.goodEnough else { return (plan, before) }
        let groups = assembly.groups(assembly.region(except: except), plan).prefix(Self.mostValues)
        var best = plan, least = try noise.noise(assembly.model(plan, except: except).model, most: Self.samplesOfARun)
        for (number, group) in groups.enumerated() {
            progress("measuring ranges of value \(number + 1) of \(groups.count)")
            let now = best
            for method in Self.methods where method != now[group[0]] {
                var other = now
                for name in group { other.special[name] = method }
                let found = try noise.noise(assembly.model(other, except: except).model, most: Self.samplesOfARun)
                // Less is chance.
                if found < 0.98 * least { (best, least) = (other, found) }
            }
        }
        let after = try noise.noise(assembly.model(best, except: except).model)
        return after < before ? (best, after) : (plan, before)
    }
}
