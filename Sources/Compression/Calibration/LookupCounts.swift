/// How often samples look up each row of a table, and what that says of lookups to come.
struct LookupCounts: Sendable {
    private(set) var counts: [UInt32]
    private(set) var total = 0

    init(rows: Int) {
        counts = [UInt32](repeating: 0, count: rows)
    }

    /// Negative indices count from the end; those that are no row are left out.
    mutating func add(_ index: Int) {
        let row = index < 0 ? index + counts.count : index
        guard counts.indices.contains(row) else { return }
        counts[row] = counts[row] == .max ? .max : counts[row] + 1
        total += 1
    }

    mutating func add(_ other: LookupCounts) {
        guard other.counts.count == counts.count else { return }
        for row in counts.indices { counts[row] = counts[row].addingReportingOverflow(other.counts[row]).partialValue }
        total += other.total
    }

    /// The share of lookups that each row may expect, times the number of rows: 1 is the average.
    ///
    /// What has not been seen yet gets the share of what was seen once (Good, "The population frequencies of species", 1953). It is spread over the
    /// unseen rows as the rows seen once lie among them, because vocabularies are often sorted by frequency.
    func shares() -> [Float] {
        let rows = counts.count
        guard rows > 0, total > 0 else { return [Float](repeating: 1, count: rows) }
        let once = counts.indices.filter { counts[$0] == 1 }
        let unseen = min(0.9, max(Double(once.count), 0.5) / Double(total))
        var shares = counts.map { Float((1 - unseen) * Double($0) / Double(total) * Double(rows)) }
        let parts = max(1, min(16, once.count / 16))
        var start = 0
        for part in 0..<parts {
            let end = part == parts - 1 ? rows : once[once.count * (part + 1) / parts]
            let missing = (start..<end).count { counts[$0] == 0 }
            if missing > 0 {
                let share = Float(unseen / Double(parts) / Double(missing) * Double(rows))
                for row in start..<end where counts[row] == 0 { shares[row] = share }
            }
            start = max(start, end)
        }
        return shares
    }

    /// How much wider or narrower the step of each row should be than one for all: an error costs as much as its row is looked up, so that all rows
    /// cost the same where step² · share is the same. Quarters of an octave; at most two octaves wider, because samples never show all, and five narrower.
    func stepFactors() -> [Float] {
        shares().map { share in
            let octaves = -0.5 * Double(max(share, 1e-9)).logarithm10 / 2.0.logarithm10
            return Float((min(2, max(-5, (octaves * 4).rounded() / 4)) * 2.0.logarithm10).powerOfTen)
        }
    }
}
