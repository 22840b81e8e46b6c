import TestSupport

/// Memory of exactly `count` elements, at a multiple of 64 bytes.
final class Memory<Element> {
    let at: UnsafeMutablePointer<Element>
    let count: Int

    init(_ count: Int, _ value: (Int) -> Element) {
        self.count = count
        let bytes = UnsafeMutableRawPointer.allocate(byteCount: max(1, count) * MemoryLayout<Element>.stride, alignment: 64)
        at = bytes.bindMemory(to: Element.self, capacity: max(1, count))
        for i in 0..<count { (at + i).initialize(to: value(i)) }
    }

    convenience init(_ elements: [Element]) { self.init(elements.count) { elements[$0] } }

    deinit { at.deallocate() }

    subscript(i: Int) -> Element { get { at[i] } set { at[i] = newValue } }
    var elements: [Element] { (0..<count).map { at[$0] } }
}

extension Memory where Element == UInt8 {
    /// What a kernel must not rely on.
    static func garbage(_ count: Int) -> Memory { Memory(count) { _ in 0xa5 } }
}

/// `count` elements cut at random into pieces of whole units.
func pieces(of count: Int, unit: Int, _ random: inout SeededRandom) -> [Range<Int>] {
    var pieces: [Range<Int>] = [], start = 0
    while start < count {
        let end = min(count, start + unit * Int.random(in: 1...3, using: &random))
        pieces.append(start..<end)
        start = end
    }
    return pieces
}
