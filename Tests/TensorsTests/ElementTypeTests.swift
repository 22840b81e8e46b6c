import Tensors
import Testing

@Suite struct ElementTypeTests {
    @Test func packsSubByteElements() {
        #expect(ElementType.int4.byteCount(elements: 3) == 2)
        #expect(ElementType.uint2.byteCount(elements: 5) == 2)
        #expect(ElementType.float4e2m1.byteCount(elements: 0) == 0)
        #expect(ElementType.complex128.byteCount(elements: 2) == 32)
    }

    @Test func hasNoSizeForStringsAndUnknownNumbers() {
        #expect(ElementType.string.byteCount(elements: 1) == nil)
        #expect(ElementType(rawValue: 999).byteCount(elements: 1) == nil)
        #expect(ElementType(rawValue: -1).name == nil)
        #expect(ElementType(rawValue: .min).name == nil)
        #expect(ElementType(rawValue: 999).description == "data type 999")
    }

    @Test func refusesSizesThatLeave64Bits() {
        #expect(ElementType.double.byteCount(elements: .max) == nil)
        #expect(ElementType.double.byteCount(elements: -1) == nil)
    }

    @Test(arguments: [
        ([], 1), ([0], 0), ([2, 3], 6), ([1 << 40, 0, 1 << 40], nil), ([1 << 40, 0], 0), ([-1, 4], nil), ([1 << 32, 1 << 32], nil), ([.max], nil), ([1 << 48], 1 << 48),
        ([(1 << 62) + 4, 4], nil),
    ] as [([Int], Int?)])
    func countsElementsWithoutOverflow(dims: [Int], expected: Int?) {
        #expect(elementCount(of: dims) == expected)
    }
}
