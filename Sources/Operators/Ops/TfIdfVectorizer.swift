package import Tensors

package enum TfIdfVectorizer: Inferring, Runnable {
    package static let name: Name = "TfIdfVectorizer"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let width = try (call.required("ngram_indexes", call.ints("ngram_indexes")).max() ?? -1).addingReportingOverflow(1)
        guard !width.overflow else { throw ModelError(.limit, "a number in ngram_indexes is too large") }
        return [Fact(.float, try call.dims(0).map { $0.dropLast() + [.value(width.partialValue)] })]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        guard data.dims.count == 1 || data.dims.count == 2 else { throw ModelError(.invalidGraph, "input 0 has dims \(data.dims), [C] or [B, C] is needed") }
        let pool = try Pool(call)
        let rows = data.dims.count == 2 ? data.dims[0] : 1, length = data.dims[data.dims.count - 1]
        let dims = Array(data.dims.dropLast()) + [pool.width]
        try call.environment.checkAllocation(4 * checkedCount(dims))
        let tokens = try pool.tokens(data), result = try NewElements<Float>(rows * pool.width, filledWith: 0)
        for row in 0..<(tokens.isEmpty ? 0 : rows) {
            pool.count(tokens[row * length..<(row + 1) * length]) { result[row * pool.width + $0] += 1 }
        }
        for index in 0..<result.count where result[index] > 0 { result[index] = pool.weighted(result[index], index % pool.width) }
        return [.tensor(result.tensor(.float, dims))]
    }

    /// The n-grams that are counted, as a tree of tokens.
    private struct Pool {
        private struct Edge: Hashable {
            let node: Int
            let token: Int
        }

        let width: Int
        private let mode: String
        private let weights: [Float]
        private let shortest: Int
        private let longest: Int
        private let skips: Int
        private let indices: [Int]
        private var numbers: [Int: Int] = [:]
        private var words: [[UInt8]: Int] = [:]
        private let isText: Bool
        private var children: [Edge: Int] = [:]
        /// The n-gram that ends at a node.
        private var grams: [Int?] = [nil]

        init(_ call: Call) throws {
            mode = try call.required("mode", call.string("mode"))
            guard ["TF", "IDF", "TFIDF"].contains(mode) else { throw ModelError(.invalidGraph, "mode is '\(printable(mode))', TF, IDF or TFIDF is needed") }
            shortest = try call.required("min_gram_length", call.int("min_gram_length"))
            longest = try call.required("max_gram_length", call.int("max_gram_length"))
            skips = try call.required("max_skip_count", call.int("max_skip_count"))
            indices = try call.required("ngram_indexes", call.ints("ngram_indexes"))
            weights = try call.floats("weights") ?? []
            guard shortest >= 1, longest >= shortest, skips >= 0, indices.allSatisfy({ $0 >= 0 && $0 < 1 << 40 }) else {
                throw ModelError(.invalidGraph, "n-grams of \(shortest) to \(longest) with \(skips) skips, or a negative number in ngram_indexes")
            }
            width = (indices.max() ?? -1) + 1
            let strings = try call.strings("pool_strings")
            isText = strings != nil
            let integers = try call.ints("pool_int64s") ?? []
            let items = strings.map { strings in strings.map { token($0) } } ?? integers.map { token($0) }
            try fill(items, try call.required("ngram_counts", call.ints("ngram_counts")))
            guard grams.allSatisfy({ ($0 ?? -1) < indices.count }), weights.isEmpty || weights.count >= width else {
                throw ModelError(.invalidGraph, "there are more n-grams than the \(indices.count) ngram_indexes, or fewer weights than \(width)")
            }
        }

        private mutating func token(_ number: Int) -> Int {
            if let token = numbers[number] { return token }
            numbers[number] = numbers.count
            return numbers.count - 1
        }

        private mutating func token(_ word: [UInt8]) -> Int {
            if let token = words[word] { return token }
            words[word] = words.count
            return words.count - 1
        }

        /// `starts[n - 1]` is where the n-grams of n tokens begin.
        private mutating func fill(_ items: [Int], _ starts: [Int]) throws {
            var gram = 0
            for (index, start) in starts.enumerated() {
                let end = index + 1 < starts.count ? starts[index + 1] : items.count, size = index + 1
                guard start >= 0, start <= end, end <= items.count, (end - start) % size == 0 else {
                    throw ModelError(.invalidGraph, "ngram_counts \(starts) do not divide a pool of \(items.count) into n-grams")
                }
                for first in stride(from: start, to: end, by: size) {
                    if size >= shortest, size <= longest { insert(items[first..<first + size], gram) }
                    gram += 1
                }
            }
        }

        private mutating func insert(_ tokens: ArraySlice<Int>, _ gram: Int) {
            var node = 0
            for token in tokens {
                let edge = Edge(node: node, token: token)
                if children[edge] == nil {
                    children[edge] = grams.count
                    grams.append(nil)
                }
                node = children[edge] ?? 0
            }
            grams[node] = gram
        }

        /// The tensor's elements as tokens; -1 for one that no n-gram has.
        func tokens(_ data: Tensor) throws -> [Int] {
            if isText { return try within("input 0") { try data.stringList() }.map { words[$0] ?? -1 } }
            return try data.wholeNumbers("input 0").map { numbers[$0] ?? -1 }
        }

        func weighted(_ count: Float, _ index: Int) -> Float {
            let weight = weights.isEmpty ? 1 : weights[index]
            return mode == "TF" ? count : mode == "IDF" ? weight : weight * count
        }

        /// Calls `found` with the place in the result of every n-gram, skipping up to `skips` tokens between two of its own.
        func count(_ row: ArraySlice<Int>, _ found: (Int) -> Void) {
            var shortest = shortest
            for distance in 1...min(skips + 1, max(row.count, 1)) {
                for start in row.indices {
                    guard shortest - 1 <= (row.endIndex - start - 1) / distance else { break }
                    var node = 0, place = start, size = 1
                    while size <= longest, place < row.endIndex, let child = children[Edge(node: node, token: row[place])] {
                        if size >= shortest, let gram = grams[child] { found(indices[gram]) }
                        (node, place, size) = (child, place + distance, size + 1)
                    }
                }
                // A single token has nothing to skip: it counts once.
                if shortest == 1 {
                    shortest = 2
                    if longest < 2 { return }
                }
            }
        }
    }
}
