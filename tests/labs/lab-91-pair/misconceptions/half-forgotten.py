"""The area of the rectangle around the triangle."""

NOTEBOOK = "shapes"
HINT = {"en": "That is the rectangle around your triangle.", "zh": "这是三角形外接长方形的面积。"}
FAILS = ["test_triangle", "test_prism"]


class Triangle(Triangle):
    def area(self):
        return self.base * self.height
